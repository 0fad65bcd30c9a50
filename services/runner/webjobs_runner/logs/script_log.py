"""What a script writes, marked line by line and put into the files of its job."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from webjobs_rules.log_format import Level
from webjobs_rules.log_line import LineMarker, MergedLines, system_lines

UNFINISHED_SECONDS = 0.25  # that an unfinished line is held
JOB_LOG_LINES = 100  # of each start of a continuous job; the rest is in the application log only


class ScriptLog:
    """Takes both streams of one process and what the runner itself has to say.

    A line that has not ended after 250 ms (a prompt, progress dots) is written as far as it goes, and
    continued when more of it comes.

    Args:
        instance_id: Named in every mark.
        write: Takes marked bytes of any origin, and whether the runner itself speaks.
        write_error: Takes the marked bytes of standard error once more; None when they are not needed.
    """

    __slots__ = (
        "_error",
        "_instance_id",
        "_merged",
        "_output",
        "_timer",
        "_write",
        "_write_error",
        "received",
    )

    def __init__(
        self,
        instance_id: str,
        write: Callable[[bytes, bool], None],
        write_error: Callable[[bytes], None] | None = None,
    ) -> None:
        self._instance_id = instance_id
        self._write = write
        self._write_error = write_error
        self._output = LineMarker(instance_id, "INFO")
        self._error: LineMarker | None = None  # most scripts write no errors
        self._merged = MergedLines()
        self._timer: asyncio.TimerHandle | None = None
        self.received = 0
        """Bytes the script has written so far."""

    def on_stdout(self, chunk: bytes) -> None:
        """Take bytes of standard output."""
        self.received += len(chunk)
        now = datetime.now(UTC)
        self._put(self._output, self._output.mark(chunk, now), now)
        if self._timer is None and self._output.holds_unfinished_line:
            self._watch_unfinished()

    def on_stderr(self, chunk: bytes) -> None:
        """Take bytes of standard error."""
        self.received += len(chunk)
        now = datetime.now(UTC)
        if self._error is None:
            self._error = LineMarker(self._instance_id, "ERROR")
        self._put(self._error, self._error.mark(chunk, now), now)
        if self._timer is None and self._error.holds_unfinished_line:
            self._watch_unfinished()

    def write_system(self, text: str, level: Level = "SYS INFO") -> None:
        """Write a line of the runner itself."""
        now = datetime.now(UTC)
        lines = system_lines(text, now, self._instance_id, level)
        self._write(self._merged.add(None, lines, now), True)

    def finish(self) -> None:
        """Both streams have ended: write lines that had no end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = datetime.now(UTC)
        for marker in self._markers():
            self._put(marker, marker.flush(now), now)

    def _markers(self) -> tuple[LineMarker, ...]:
        return (self._output,) if self._error is None else (self._output, self._error)

    def _watch_unfinished(self) -> None:
        counts = self._output.lines, self._error.lines if self._error else 0
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(UNFINISHED_SECONDS, self._write_unfinished, *counts)

    def _write_unfinished(self, *counts: int) -> None:
        """Write lines that were unfinished when the timer was set; watch those that began since."""
        self._timer = None
        now = datetime.now(UTC)
        for marker, lines in zip(self._markers(), counts, strict=False):
            if marker.lines == lines:
                self._put(marker, marker.flush_unfinished(now), now)
            elif self._timer is None and marker.holds_unfinished_line:
                self._watch_unfinished()

    def _put(self, marker: LineMarker, marked: bytes, now: datetime) -> None:
        if not marked:
            return
        if marker is self._error and self._write_error is not None:
            self._write_error(marked)
        self._write(self._merged.add(marker, marked, now), False)


class JobLogHead:
    """Lets the first lines of each start through to the job's log, and the runner's own lines always."""

    __slots__ = ("_is_reported", "_left")

    def __init__(self) -> None:
        self.start_again()

    def start_again(self) -> None:
        """A process starts: count from zero."""
        self._left = JOB_LOG_LINES
        self._is_reported = False

    def pass_on(self, marked: bytes, system: bool) -> tuple[bytes, bool]:
        """The part that goes into the job's log, and whether this is the first time some is left out."""
        if system:
            return marked, False
        lines = marked.count(b"\n")
        if lines < self._left or marked == b"":
            self._left -= lines
            return marked, False
        at = -1
        for _ in range(self._left):
            at = marked.index(b"\n", at + 1)
        self._left = 0
        left_out = at + 1 < len(marked)
        is_first_cut = left_out and not self._is_reported
        self._is_reported = self._is_reported or left_out
        return marked[: at + 1], is_first_cut
