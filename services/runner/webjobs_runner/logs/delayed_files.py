"""Log files that something happens to after a fixed time."""

import asyncio
from collections.abc import Callable, Iterator

from webjobs_runner.logs.log_file import LogFile


class DelayedFiles:
    """Files in the order in which they are due; one timer serves all of them.

    Args:
        seconds: From `add` until a file is due and no longer in here.
        on_due: Called with it then.
    """

    def __init__(self, seconds: float, on_due: Callable[[LogFile], object]) -> None:
        self._seconds = seconds
        self._on_due = on_due
        self._due: dict[LogFile, float] = {}  # time of the loop; the earliest is the first
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, file: LogFile) -> bool:
        return file in self._due

    def __iter__(self) -> Iterator[LogFile]:
        return iter(self._due)

    def add(self, file: LogFile) -> None:
        """Delay a file; one that is delayed already is due no later."""
        if file not in self._due:
            loop = asyncio.get_running_loop()
            self._due[file] = due_at = loop.time() + self._seconds
            if self._timer is None:
                self._timer = loop.call_at(due_at, self._release)

    def discard(self, file: LogFile) -> None:
        """Remove a file before it is due, if it is in here."""
        self._due.pop(file, None)

    def clear(self) -> None:
        """Remove all files."""
        self._due.clear()

    def close(self) -> None:
        """Remove all files, and stop the timer."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _release(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._due:
            file, due_at = next(iter(self._due.items()))
            if due_at > loop.time():
                self._timer = loop.call_at(due_at, self._release)
                return
            del self._due[file]
            self._on_due(file)
