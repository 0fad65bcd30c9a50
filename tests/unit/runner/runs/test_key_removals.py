"""Removals that NATS does not acknowledge are sent again, and logged once at the beginning and the end."""

import asyncio
from typing import Any, cast

import pytest
from webjobs_events.errors import BusUnavailable
from webjobs_events.outage import Outage
from webjobs_runner.runs import key_removals
from webjobs_runner.runs.key_removals import KeyRemovals
from webjobs_service.lifetime import cancel_all


class Leases:
    """A bus and its bucket, which acknowledges, fails, or stays silent; and a logger."""

    def __init__(self, failure: str) -> None:
        self.failure = failure
        self.tries = 0
        self.lines: list[str] = []
        self.connection = self.leases = self

    def outage_of(self, what: str) -> Outage:
        return Outage(self, what)

    def warning(self, event: str, **_fields: object) -> None:
        self.lines.append(event)

    info = warning

    def debug(self, event: str, **_fields: object) -> None:
        pass

    async def let_go(self, key: str, *, marker_ttl: int) -> "asyncio.Future[int]":
        self.tries += 1
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.failure == "refused at once":
            raise BusUnavailable("removing a key", "the connection is down")
        if self.failure == "failed later":
            future.set_exception(BusUnavailable("removing a key", "no space"))
        elif self.failure != "never acknowledged":
            future.set_result(self.tries)
        return future


@pytest.mark.parametrize("failure", ["refused at once", "failed later", "never acknowledged"])
async def test_failing_removals_are_logged_once_at_the_beginning_and_once_when_done(
    monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    leases, rounds = Leases(failure), 0

    async def next_round(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 4:
            leases.failure = ""
        await real_sleep(0)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(key_removals, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(key_removals.asyncio, "sleep", next_round)
    removals = KeyRemovals(cast(Any, leases), 60)
    await removals.remove("claim.a.1")
    await removals.remove("claim.a.2")
    running = asyncio.create_task(removals.run())
    try:
        for _ in range(100):  # more steps than all rounds take
            await real_sleep(0)
    finally:
        await cancel_all(running)
    assert leases.lines == ["removal of keys unavailable", "removal of keys available again"]
    assert leases.tries == 2 + 3 * 2 + 2
