"""One log file on disk, and the lines that it cannot take."""

import math
import os
from collections.abc import Callable
from datetime import UTC, datetime

from webjobs_rules.log_format import Level
from webjobs_rules.log_line import system_lines

from webjobs_runner.domain.dropped_lines import DroppedLines
from webjobs_runner.log import logger
from webjobs_runner.logs.spool_file import SpoolFile, unlimited

MAX_LOG_BYTES = "WEBJOBS_MAX_LOG_BYTES"
_MOST_READ = 2 * 1024 * 1024  # unsent bytes of a log that are read to count its lines: milliseconds


class LogFile(SpoolFile):
    """The lines of a log.

    Lines that the disk or the cap does not take are dropped and counted, and the log says how many as soon
    as there is room again.

    Args:
        path: As of every `SpoolFile`, and so are name, subject, state, roll_at and is_new.
        instance_id: Named in the marks of lines about the log itself.
    """

    __slots__ = ("_dropped", "_instance_id", "_is_capped", "_owes_line_end", "disk_room", "room")

    def __init__(
        self,
        path: str,
        *,
        name: str,
        subject: str,
        instance_id: str,
        state: str = "",
        roll_at: int = 0,
        is_new: bool = False,
    ) -> None:
        super().__init__(path, name=name, subject=subject, state=state, roll_at=roll_at, is_new=is_new)
        self._instance_id = instance_id
        self._dropped = DroppedLines()
        self._is_capped = False  # the log says that its cap is reached
        self._owes_line_end = False  # that of the last line on disk was dropped
        self.room: Callable[[], float] = unlimited
        """Bytes that may be added before the cap is reached."""
        self.disk_room: Callable[[], float] = unlimited
        """Bytes that logs may take from the disk; the rest is kept for what is more important."""

    @property
    def dropped_lines(self) -> int:
        """Lines that were not stored, or not whole, since this object was made; the runner's own apart."""
        return self._dropped.total

    def counted_lines(self) -> tuple[int, int | None] | None:
        """Returns how many lines there are, and the number of the first with an error; None: not known.

        Lines are counted as they are sent, so only what is unsent is read. A log of which too much is unsent,
        or of which an earlier start sent the errors, is not counted.
        """
        unsent = self.end - self.sent
        if unsent > _MOST_READ:
            return None
        try:
            data = self._read(self.sent, unsent) if unsent else b""
        except OSError:
            return None
        first_error = self.first_error if self.sent_count.errors else self.sent_count.first_error(data)
        count = self.sent_count.after(data)
        if len(data) < unsent or (count.errors and first_error is None):
            return None
        return count.lines + (not data.endswith(b"\n") if data else self._mid_line), first_error

    def append(self, data: bytes, *, is_system: bool = False) -> None:
        """Write at the end; lines for which there is no room are counted.

        Args:
            data: Lines, of which the last may be unfinished.
            is_system: Whether the runner itself writes them: they are few, and no cap holds them back.
        """
        data = self._dropped.storable(data)
        if not data:
            return
        self._roll_if_large()
        if not is_system and len(data) > self.disk_room():
            self._log_loss("the free space of the disk is below its reserve")
            self._drop(data, is_system, after_unfinished_line=self._mid_line)
            return
        room = math.inf if is_system else self.room()
        after_unfinished_line = self._mid_line
        if not self._log_dropped(room):
            self._drop(data, is_system, after_unfinished_line=after_unfinished_line)
            return
        if self._owes_line_end:
            data = b"\n" + data if self._mid_line else data
            self._owes_line_end = False
        fitting = data if len(data) <= room else data[: data.rfind(b"\n", 0, max(0, int(room))) + 1]
        written = self._write(fitting)
        if written < len(data):
            after_unfinished_line = self._mid_line  # before a mark ends that line
            if written == len(fitting):
                self._log_cap_reached()
            self._drop(data[written:], is_system, after_unfinished_line=after_unfinished_line)

    # Writing

    def _write(self, data: bytes) -> int:
        """Write as much as the disk takes; returns how much that was."""
        written = 0
        try:
            self._open()
            view = memoryview(data)
            while written < len(data):
                count = os.write(self._file, view[written:])
                written += count
                self.end += count
        except OSError as error:
            self._log_loss(str(error))
            written -= self._take_back(written - (data.rfind(b"\n", 0, written) + 1))
        if written:
            self._mid_line = not data.endswith(b"\n", 0, written)
        return written

    def _take_back(self, count: int) -> int:
        """Remove the last bytes, a part of a line, from the file; returns how many were removed."""
        if count:
            try:
                os.ftruncate(self._file, self.end - self.base - count)
            except OSError:
                return 0
            self.end -= count
        return count

    def _log_loss(self, reason: str) -> None:
        if not self._dropped.unreported:
            logger.error("log lines dropped", file=self._path, error=reason)

    def _drop(self, data: bytes, is_system: bool, *, after_unfinished_line: bool) -> None:
        self._owes_line_end = self._owes_line_end or (self._mid_line and b"\n" in data)
        self._dropped.drop(data, after_unfinished_line=after_unfinished_line, is_counted=not is_system)

    def _log_dropped(self, room: float) -> bool:
        """Mention dropped lines, if there is room again; False when there is none, or the disk is full."""
        count = self._dropped.unreported
        if not count:
            return True
        if room <= 0:
            return False
        level: Level
        if self._is_capped:
            reason, level = f"the log had reached its limit, {MAX_LOG_BYTES}", "SYS WARN"
        else:
            reason, level = "they could not be written to the disk", "SYS ERROR"
        if not self._write_system(f"{count} lines were dropped here: {reason}.", level):
            return False
        self._dropped.unreported = 0
        self._is_capped = False
        return True

    def _log_cap_reached(self) -> None:
        if not self._is_capped:
            self._is_capped = True
            self._write_system(
                f"The log has reached its limit, {MAX_LOG_BYTES}: what follows is dropped, and counted.",
                "SYS WARN",
            )

    def _write_system(self, text: str, level: Level) -> bool:
        line = system_lines(text, datetime.now(UTC), self._instance_id, level)
        line = b"\n" + line if self._mid_line else line
        return self._write(line) == len(line)
