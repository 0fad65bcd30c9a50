"""Holds new logs back for a moment, so that the log of a short run is one chunk in the stream of logs."""

import asyncio
from collections.abc import Callable

from webjobs_runner.logs.log_file import LogFile

GATHER_SECONDS = 0.2  # from the first line of a log until what it has by then is shipped


class NewLogs:
    """The log files that gather their first chunk; one timer serves all of them.

    Args:
        on_due: Called with each file whose time to gather is over.
    """

    def __init__(self, on_due: Callable[[LogFile], None]) -> None:
        self._on_due = on_due
        self._due: dict[LogFile, float] = {}  # time of the loop; the earliest is the first
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, file: LogFile) -> bool:
        return file in self._due

    def add(self, file: LogFile) -> None:
        """Let a file gather from now on, unless it does already."""
        if file not in self._due:
            loop = asyncio.get_running_loop()
            self._due[file] = due_at = loop.time() + GATHER_SECONDS
            if self._timer is None:
                self._timer = loop.call_at(due_at, self._release)

    def discard(self, file: LogFile) -> None:
        """Let a file gather no longer; it is not reported as due."""
        self._due.pop(file, None)

    def clear(self) -> None:
        """Let no file gather any longer."""
        self._due.clear()

    def close(self) -> None:
        """Clear, and stop the timer."""
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
