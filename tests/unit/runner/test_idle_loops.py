"""A loop that looks after something sets no timer while there is nothing, and begins with the first one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from support.eventually import eventually
from webjobs_runner import in_flight
from webjobs_runner.in_flight import InFlightCommands
from webjobs_runner.runs import key_removals
from webjobs_runner.runs.key_removals import KeyRemovals
from webjobs_runner.vfs.sessions import Session, Sessions
from webjobs_service.lifetime import cancel_all


class Message:
    """A command that counts how often it was kept."""

    kept = 0

    async def keep(self) -> None:
        self.kept += 1


class Queue:
    """Never delivers anything by itself."""

    def room_changed(self) -> None: ...

    async def run(self) -> None:
        await asyncio.Event().wait()


class Nats:
    """Acknowledges removals only when it is told to."""

    def __init__(self) -> None:
        self.connection = self.leases = self
        self.removed: list[asyncio.Future[int]] = []
        self.deliver: Callable[[Any], None] = lambda message: None

    def work_queue(self, *, on_message: Callable[[Any], None], **_: object) -> Queue:
        self.deliver = on_message
        return Queue()

    def outage_of(self, _what: str) -> "Nats":
        return self

    def failed(self, *_: object, **__: object) -> None: ...

    def ended(self) -> None: ...

    async def let_go(self, _key: str, *, marker_ttl: int) -> "asyncio.Future[int]":
        self.removed.append(asyncio.get_running_loop().create_future())
        return self.removed[-1]


def timers() -> int:
    return sum(not each.cancelled() for each in cast(Any, asyncio.get_running_loop())._scheduled)


@asynccontextmanager
async def begun(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A loop that waits, without a timer, for something to look after."""
    before, task = timers(), asyncio.create_task(loop)
    try:
        for _ in range(5):  # its tasks have begun
            await asyncio.sleep(0)
        assert timers() == before
        yield
    finally:
        await cancel_all(task)


async def test_transfers_are_looked_after_from_the_first_one_on() -> None:
    sessions = Sessions(0.1)
    async with begun(sessions.sweep()):
        for _ in range(2):  # it goes on after it had nothing to do
            sessions.add(Session(used_at=0.0))
            await eventually(lambda: not len(sessions) and not sessions._has_any.is_set())


async def test_commands_are_kept_from_the_first_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "KEEP_SECONDS", 0.01)
    nats, taken = Nats(), list[Any]()
    commands = InFlightCommands(
        cast(Any, nats), "d", [], room=lambda: 1, on_message=taken.append, waiting=lambda: taken
    )
    async with begun(commands.run()):
        for message in (Message(), Message()):  # it goes on after it had nothing to do
            nats.deliver(message)
            await eventually(lambda command=message: command.kept)
            taken.clear()
            await eventually(lambda: not commands._has_messages.is_set())


async def test_removals_are_repeated_from_the_first_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_removals, "_RETRY_SECONDS", 0.02)
    nats = Nats()
    removals = KeyRemovals(cast(Any, nats), 60)
    async with begun(removals.run()):
        for _ in range(2):  # it goes on after it had nothing to do
            nats.removed.clear()
            await removals.remove("claim.a.1")
            await eventually(lambda: len(nats.removed) >= 2)
            nats.removed[-1].set_result(1)
            await eventually(lambda: not removals._has_sent.is_set())
