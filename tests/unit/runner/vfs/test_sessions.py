"""Unused transfers of files are closed, and all of them at the end; one that fails to close holds up none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from structlog.testing import capture_logs
from support.eventually import eventually
from webjobs_runner.vfs.sessions import Session, Sessions

LONG_AGO = 0.0
QUICK = 0.1  # seconds after which an unused session is given up; looked at five times as often


@dataclass(slots=True, kw_only=True)
class Transfer(Session):
    """Counts how often it is closed; `fails` like a file on a share that is away."""

    fails: bool = False
    closed: int = 0

    def close(self) -> None:
        self.closed += 1
        if self.fails:
            raise OSError(116, "Stale file handle")


@asynccontextmanager
async def swept(sessions: Sessions) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(sessions.sweep())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_unused_transfer_is_closed_and_used_and_busy_ones_are_not() -> None:
    sessions, unused, used, busy = Sessions(QUICK), Transfer(), Transfer(), Transfer()
    for each in (unused, used, busy):
        sessions.add(each)
    unused.used_at = busy.used_at = LONG_AGO
    async with swept(sessions), busy.lock:
        await eventually(lambda: unused.closed and sessions.get(used.id, Transfer) is used)
        assert (used.closed, busy.closed, len(sessions)) == (0, 0, 2)
    assert unused.closed == 1


async def test_all_transfers_are_closed_at_the_end() -> None:
    sessions, transfers = Sessions(60), [Transfer() for _ in range(3)]
    for each in transfers:
        sessions.add(each)
    async with swept(sessions):
        await asyncio.sleep(0)  # it has begun
    assert [each.closed for each in transfers] == [1, 1, 1]
    assert len(sessions) == 0


async def test_a_transfer_that_fails_to_close_keeps_no_other_open() -> None:
    sessions, failing, unused = Sessions(QUICK), Transfer(fails=True), Transfer()
    for each in (failing, unused):
        each.used_at = LONG_AGO
        sessions.add(each)
    with capture_logs() as lines:
        async with swept(sessions) as sweep:
            await eventually(lambda: sweep.done() or unused.closed)
            assert not sweep.done(), "the loop goes on"
    assert (failing.closed, unused.closed) == (1, 1)
    assert [line["kind"] for line in lines if line["log_level"] == "error"] == ["Transfer"]


async def test_a_transfer_that_fails_to_close_at_the_end_keeps_no_other_open() -> None:
    sessions, failing, other = Sessions(60), Transfer(fails=True), Transfer()
    sessions.add(failing)
    sessions.add(other)
    with capture_logs():
        async with swept(sessions):
            await asyncio.sleep(0)  # it has begun
    assert (failing.closed, other.closed) == (1, 1)
