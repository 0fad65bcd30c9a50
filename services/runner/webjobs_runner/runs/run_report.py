"""Reads what a script reports in the two files of its run, and publishes its progress while it runs."""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from webjobs_rules.run_report import (
    MAX_RESULT_BYTES,
    PROGRESS_FILE,
    PROGRESS_TAIL_BYTES,
    RESULT_FILE,
    Progress,
    Result,
    is_worth_an_event,
    progress_of,
    result_of,
)

LOOK_SECONDS = 0.5
"""The progress of a script is read twice a second; that of one that takes less, at its end."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_Look: TypeAlias = tuple[int, int, int]  # instant of the last change, size, number of the file


class RunReport:
    """The result and the progress of one script.

    Args:
        folder: Of the run.
        publish: Publishes a progress; False when it cannot now.
        warn: Writes a warning into the log of the run.
    """

    def __init__(self, folder: str, publish: Callable[[Progress], bool], warn: Callable[[str], None]) -> None:
        self.warnings: list[str] = []
        """What was wrong with the files, each once."""
        self.progress: Progress | None = None
        """As it was last read."""
        self.result: Result | None = None
        """Known at the end."""
        self._folder = folder
        self._publish = publish
        self._warn = warn
        self._began = self._published_at = time.monotonic()
        self._published: Progress | None = None
        self._seen: _Look | None = None  # what the file was like whose last line was read
        self._unfinished: _Look | None = None  # what it was like when its last line had no end
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Read the progress from time to time for the time of the body."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        try:
            yield
        finally:
            self._timer.cancel()

    async def read_end(self) -> None:
        """Read both for the last time: no process of the script is left."""
        self._read_progress(is_over=True)
        await self._read_result()

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        self._read_progress(is_over=False)
        now = time.monotonic()
        if self.progress is not None and is_worth_an_event(
            self._published, self.progress, since=now - self._published_at, elapsed=now - self._began
        ):
            if self._publish(self.progress):
                self._published, self._published_at = self.progress, now

    def _read_progress(self, *, is_over: bool) -> None:
        read = self._read(PROGRESS_FILE, "progress", self._tail)
        if read is None:
            return
        tail, seen = read
        if seen == self._seen:
            return
        # A last line without its end may be half written; when the file stays so, it is whole.
        is_whole = is_over or tail.endswith(b"\n") or seen == self._unfinished
        if is_whole:
            self._seen = seen
        else:
            self._unfinished = seen
        found = progress_of(tail, is_over=is_whole)
        if isinstance(found, Progress):
            self.progress = found
        elif found is not None:
            self._note(found)

    async def _read_result(self) -> None:
        read = self._read(RESULT_FILE, "result", lambda file, size: os.read(file, MAX_RESULT_BYTES + 1))
        if read is None:
            return
        data, _ = read
        # A large one would keep other runs waiting.
        found = await asyncio.to_thread(result_of, data) if len(data) > 65_536 else result_of(data)
        if isinstance(found, Result):
            self.result = found
        else:
            self._note(found)

    def _read(self, name: str, what: str, read: Callable[[int, int], bytes]) -> tuple[bytes, _Look] | None:
        """Returns what is read of a file, and what it looks like; None when there is nothing in it."""
        try:
            file = os.open(f"{self._folder}/{name}", _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._note(f"The {what} cannot be read: {error.strerror}.")
            return None
        try:
            facts = os.fstat(file)
            if not stat.S_ISREG(facts.st_mode):
                self._note(f"The {what} is not a regular file. Write the file itself.")
                return None
            if facts.st_size == 0:
                return None
            return read(file, facts.st_size), (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        except OSError as error:
            self._note(f"The {what} cannot be read: {error.strerror}.")
            return None
        finally:
            os.close(file)

    @staticmethod
    def _tail(file: int, size: int) -> bytes:
        return os.pread(file, PROGRESS_TAIL_BYTES, max(0, size - PROGRESS_TAIL_BYTES))

    def _note(self, warning: str) -> None:
        which = warning.split()[1]  # the result or the progress: one warning for each is enough
        if all(known.split()[1] != which for known in self.warnings):
            self.warnings.append(warning)
            self._warn(warning)
