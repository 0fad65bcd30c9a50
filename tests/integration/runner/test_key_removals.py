"""Keys that are removed without waiting go away though NATS was away at that moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from support.eventually import eventually
from support.tcp_proxy import tcp_proxy
from webjobs_events.errors import RevisionConflict
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_runner.runs import key_removals
from webjobs_runner.runs.key_removals import KeyRemovals


@asynccontextmanager
async def running(removals: KeyRemovals) -> AsyncIterator[None]:
    task = asyncio.create_task(removals.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def is_gone(bus: Bus, key: str) -> bool:
    return await bus.leases.get(key) is None


async def test_a_key_is_removed_at_once_and_leaves_a_trace(bus: Bus) -> None:
    await bus.leases.create("claim.a.1", b"x", once_only=True)
    await KeyRemovals(bus, 60).remove("claim.a.1")
    await eventually(lambda: is_gone(bus, "claim.a.1"))
    with pytest.raises(RevisionConflict):
        await bus.leases.create("claim.a.1", b"y", once_only=True)


@pytest.mark.parametrize("moment", ["just after the line was cut", "when the break is known"])
async def test_a_key_that_is_removed_while_nats_is_away_goes_afterwards(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(key_removals, "_RETRY_SECONDS", 0.05)
    await bus.leases.create("claim.a.1", b"x", once_only=True)
    async with tcp_proxy(nats_url) as line, connect_bus(line.url, name="test", subjects=bus.subjects) as cut:
        removals = KeyRemovals(cut, 60)
        line.cut()
        if moment == "when the break is known":
            await eventually(lambda: not cut.is_connected)
        await removals.remove("claim.a.1")
        async with running(removals):
            line.mend()
            await eventually(lambda: is_gone(bus, "claim.a.1"))
