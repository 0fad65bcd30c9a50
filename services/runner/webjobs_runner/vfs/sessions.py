"""Transfers of files that take more than one message, and what each holds open on this runner."""

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from webjobs_events.files import ChangedJob, Condition, FileInfo
from webjobs_events.run_step import run_step
from webjobs_rules.trace import Trace

from webjobs_runner.domain.site_path import SitePath
from webjobs_runner.log import logger
from webjobs_runner.vfs.errors import SessionGone, TooManySessions

_MOST_SESSIONS = 256
_SWEEPS = 5  # in the time after which a session is given up


@dataclass(frozen=True, slots=True)
class Placed:
    """What an upload changed.

    Attributes:
        created: Whether there was no file before.
        info: Of the file; None for an archive.
        paths: Of the files that are in place.
        removed: What was removed because an archive does not hold it.
        warnings: What was left out, and what is doubtful.
    """

    created: bool = False
    info: FileInfo | None = None
    paths: tuple[SitePath, ...] = ()
    removed: tuple[SitePath, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Session:
    """What every transfer has.

    Attributes:
        id: Known only to the runner and the client.
        used_at: When something was last asked about it, in seconds of the monotonic clock.
        lock: Held by what is being done for it.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(16))
    used_at: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def settled(self) -> None:
        """Wait until nothing works on it any more."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(slots=True, kw_only=True)
class Reading(Session):
    """A file that is being read."""

    descriptor: int

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


@dataclass(slots=True, kw_only=True)
class Listing(Session):
    """Entries of a folder that are still to be sent."""

    entries: list[FileInfo]


@dataclass(slots=True, kw_only=True)
class Packing(Session):
    """A folder that is being packed."""

    pieces: Iterator[bytes]
    end: Callable[[], None]

    def close(self) -> None:
        """Close the file that is being packed."""
        self.end()


@dataclass(slots=True, kw_only=True)
class Writing(Session):
    """An upload, in the scratch folder until it is put in place."""

    path: SitePath
    condition: Condition
    unpack: bool
    clean: bool
    deploy: bool
    trace: Trace | None
    file: Path
    descriptor: int
    end: "asyncio.Future[Placed] | None" = None
    deploying: "asyncio.Task[list[ChangedJob]] | None" = None

    async def settled(self) -> None:
        """Wait until it is in place, if that has begun: half of it is of no use."""
        if self.deploying is not None:
            self.deploying.cancel()  # the jobs are deployed all the same: no request waits for that any more
        if self.end is not None:
            await asyncio.gather(self.end, return_exceptions=True)

    def close(self) -> None:
        """Remove what has not been put in place."""
        os.close(self.descriptor)
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.file.with_suffix(".unpacked"), ignore_errors=True)


S = TypeVar("S", bound=Session)


class Sessions:
    """All transfers of this runner in progress."""

    def __init__(self, seconds: float) -> None:
        """A session is given up after so many seconds without a word."""
        self._seconds = seconds
        self._all: dict[str, Session] = {}
        self._has_any = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, session: Session) -> str:
        """Keep a session; answers its id.

        Raises:
            TooManySessions: There is no room for it; it is closed.
        """
        if len(self._all) >= _MOST_SESSIONS:
            session.close()
            raise TooManySessions(_MOST_SESSIONS)
        self._all[session.id] = session
        self._has_any.set()
        return session.id

    def get(self, session_id: str, kind: type[S]) -> S:
        """Returns a session of this kind, and marks it as used.

        Raises:
            SessionGone: There is none.
        """
        session = self._all.get(session_id)
        if not isinstance(session, kind):
            raise SessionGone(session_id)
        session.used_at = time.monotonic()
        return session

    async def close(self, session_id: str) -> None:
        """End a session once what is being done for it has ended; one that is gone already is no fault."""
        session = self._all.pop(session_id, None)
        if session is not None:
            async with session.lock:
                await session.settled()
                await asyncio.to_thread(session.close)

    async def sweep(self) -> None:
        """Close unused sessions until cancelled; then all of them."""
        try:
            while True:
                await self._has_any.wait()
                await asyncio.sleep(self._seconds / _SWEEPS)
                too_old = time.monotonic() - self._seconds
                for session in list(self._all.values()):
                    if session.used_at < too_old and not session.lock.locked():
                        logger.info("transfer of files given up", kind=type(session).__name__)
                        await self._give_up(session)
                if not self._all:
                    self._has_any.clear()
        finally:
            for session in list(self._all.values()):
                await self._give_up(session)

    async def _give_up(self, session: Session) -> None:
        closing = self.close(session.id)
        await run_step(closing, logger, "transfer of files was not closed", kind=type(session).__name__)
