"""A file on disk that is also the spool of what is shipped to the stream of logs."""

import contextlib
import math
import os
from collections.abc import Callable, Mapping

from webjobs_events.envelope import MESSAGE_ID_HEADER
from webjobs_rules.log_format import LineCount, LogChunk, chunk_headers

from webjobs_runner.log import logger
from webjobs_runner.logs.shipping_state import ShippingState, read_state, write_state

_REMEMBER_BYTES = 256 * 1024  # shipped unremembered; so much is shipped again after a kill, to no harm
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_CLOSED = -1
_UNMADE = -2  # never opened, and most probably not there


def unlimited() -> float:
    """Returns the room of a log without a cap."""
    return math.inf


class SpoolFile:
    """Grows at its end, and is read off for shipping.

    Offsets count from the first byte ever and have no gaps: what a person removes from the file before it
    was sent was never part of it. Lines are counted as they are sent.

    Args:
        path: The file; made with its folders when first written.
        name: How readers know it, such as `output_<id>.log`.
        subject: Where its chunks are published.
        state: Where to remember how far it was shipped; empty for the log of one run, which is
            finished with the run.
        roll_at: Size in bytes at which the file is set aside as `<name>.prev`; 0: never.
        is_new: Whether its folder was empty a moment ago, so that nothing needs to be looked up.
    """

    __slots__ = (
        "_file", "_mid_line", "_path", "_previous", "_previous_base", "_remembered", "_roll_at", "_roll_size",
        "_state", "base", "end", "first_error", "kept_in_stream", "marks", "name", "sent", "sent_count",
        "sequence", "shipped", "shipped_count", "stream", "subject",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        *,
        name: str,
        subject: str,
        state: str = "",
        roll_at: int = 0,
        is_new: bool = False,
    ) -> None:
        self._path = path
        self._state = state
        self._roll_at = self._roll_size = roll_at
        self._file = _UNMADE if is_new else _CLOSED
        self._previous = _CLOSED  # what was set aside and is not shipped whole, open for reading
        self._mid_line = False  # the last line on disk has no end
        self.name = name
        self.subject = subject
        self.kept_in_stream: Callable[[], float] = unlimited
        """Bytes that the stream of logs has to keep at least; older ones go when files are changed."""
        known = read_state(state)
        size = 0 if is_new else _size(path)
        previous_size = _size(_previous_path(path)) if known.base or known.next_base else 0
        self.base, self.shipped = known.base, known.shipped
        if known.next_base and size < known.next_base - known.base == previous_size:
            self.base = known.next_base  # the kill came just after the change of files
        elif self.base + size < self.shipped:
            self.base = self.shipped  # a person cut the file: what is in it now is new
        self.end = self.base + size
        self._previous_base = self.base - previous_size
        self.shipped = self.sent = max(self.shipped, self._previous_base)
        self._remembered = self.shipped
        self.stream = known.stream
        """When the stream of logs was made that has what was shipped; empty: not known."""
        self.sent_count = self.shipped_count = LineCount(known.lines, known.errors)
        """Lines before what is to be sent, and before what is to be shipped."""
        self.first_error: int | None = None
        """Number of the first line with an error, as far as it was sent since this object was made."""
        self.sequence = 0
        """In the stream of logs, of the newest chunk that it has acknowledged; 0: not known."""
        self.marks = known.marks
        """Of each change of files an offset and the sequence of a chunk that ends before it, oldest first."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return self.end == 0

    @property
    def is_shipped(self) -> bool:
        """Whether the stream has all of it."""
        return self.shipped == self.end

    @property
    def bytes_on_disk(self) -> int:
        """Size of the file, and of the one that was set aside."""
        return self.end - self._previous_base

    def read_unsent(self, limit: int) -> LogChunk:
        """The next bytes to ship; they count as sent. No bytes: there is nothing to ship.

        They end with a line if more follow, unless that would leave less than half of `limit`.

        Raises:
            OSError: The file cannot be read.
        """
        start = self.sent
        if start == self.end:
            return LogChunk(self.name, start, b"", self.sent_count)
        if start >= self.base:
            self._open()
            start = self.sent  # moved on if the file was found cut short
        data = self._read(start, limit)
        if not data and start < self.end:
            self._forget_unsent(start)
            return self.read_unsent(limit)
        if len(data) == limit:
            data = data[: data.rfind(b"\n", limit // 2) + 1] or data
        chunk = LogChunk(self.name, start, data, self.sent_count)
        count = self.sent_count.after(data)
        if count.errors and not self.sent_count.errors:
            self.first_error = self.sent_count.first_error(data)
        self.sent, self.sent_count = chunk.end, count
        return chunk

    def _read(self, start: int, limit: int) -> bytes:
        """Up to so many bytes at an offset, of one of the two files."""
        if start < self.base:
            self._open_previous()
            return os.pread(self._previous, min(limit, self.base - start), start - self._previous_base)
        self._open()
        return os.pread(self._file, min(limit, self.end - start), start - self.base)

    def acknowledge(self, end: int, count: LineCount) -> None:
        """The stream has the log up to an offset, with so many lines."""
        if end > self.shipped:
            self.shipped, self.shipped_count = end, count

    def send_again(self) -> None:
        """Send what the stream has not acknowledged."""
        self.sent, self.sent_count = self.shipped, self.shipped_count

    def skip(self, chunk: LogChunk) -> None:
        """Go on behind a chunk that the stream has; without its count of lines all is shipped again."""
        if chunk.before is not None and chunk.offset <= self.end:
            on_disk = chunk.data[: self.end - chunk.offset]
            self.shipped, self.shipped_count = chunk.offset + len(on_disk), chunk.before.after(on_disk)
            self.send_again()

    def ship_again(self) -> None:
        """Ship all that is on disk: the stream that had it is gone. Its oldest line is the first."""
        self.shipped = self.sent = self._previous_base
        self.sent_count = self.shipped_count = LineCount()
        self.sequence = 0
        self.marks = ()

    def sequence_to_remove(self) -> int:
        """Sequence of the newest chunk in the stream of logs that need not be kept; 0: there is none."""
        if not self.marks:
            return 0
        kept_from = self.shipped - self.kept_in_stream()
        return max((sequence for offset, sequence in self.marks if offset <= kept_from), default=0)

    def removed(self, sequence: int) -> None:
        """The stream has no chunk up to this sequence any more."""
        self.marks = tuple(mark for mark in self.marks if mark[1] > sequence)

    def give_up(self) -> None:
        """Ship no more of what is there: it cannot be read."""
        lost = self.end - self.sent
        self.end -= lost
        self.base -= lost
        self._previous_base -= lost

    def headers(self, chunk: LogChunk) -> Mapping[str, str]:
        """Headers of a chunk; the id makes a repeat of the same chunk harmless."""
        return {
            **chunk_headers(self.name, chunk.offset, chunk.before),
            MESSAGE_ID_HEADER: f"{self.subject}/{self.name}/{chunk.offset}-{chunk.end}",
        }

    def rest(self) -> None:
        """Close it until it is used again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = _CLOSED
        if self._previous >= 0:
            os.close(self._previous)
            self._previous = _CLOSED
        if self.shipped - self._remembered >= _REMEMBER_BYTES:
            self._remember()

    def close(self) -> None:
        """Close it for this boot, and remember how far it was shipped."""
        self.rest()
        if self.shipped != self._remembered:
            self._remember()

    def discard(self) -> None:
        """Remove what was written; what comes later goes on at the offset after what was sent.

        How far that is stays on disk: chunks of another log at the same offsets would have the same ids, and
        the stream would take them for repeats.
        """
        self.rest()
        for path in (self._path, _previous_path(self._path)):
            with contextlib.suppress(OSError):
                os.unlink(path)
        self.end = self.base = self._previous_base = self.shipped = self.sent
        self.shipped_count = self.sent_count
        self.marks = ()
        self._mid_line = False
        self._remember()

    def _roll_if_large(self) -> None:
        if self._roll_at and self.end - self.base >= self._roll_size and self.shipped >= self.base:
            self._roll()

    def _roll(self) -> None:
        """Set the file aside; what is unshipped of it is read from there."""
        self._remember(next_base=self.end)
        try:
            os.rename(self._path, _previous_path(self._path))
        except OSError as error:
            logger.warning("log file was not set aside", file=self._path, error=str(error))
            self._roll_size += self._roll_at
            return
        if self._previous >= 0:
            os.close(self._previous)
        self._previous, self._file = self._file, _CLOSED
        self._previous_base, self.base = self.base, self.end
        self._roll_size = self._roll_at
        if self.sequence:
            self.marks = (*self.marks, (self.base, self.sequence))
        self._remember()

    def _open(self) -> None:
        if self._file >= 0 or (self._file == _UNMADE and self._make()):
            return
        try:
            self._file = os.open(self._path, _FLAGS, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = os.open(self._path, _FLAGS, 0o644)
        size = os.fstat(self._file).st_size
        if size != self.end - self.base:
            # The file was removed or changed: what comes now follows what was sent.
            logger.warning("log file was changed from outside", file=self._path)
            if self.sent > self.base:
                self.end = self.sent
                self.base = self.end - size
            else:
                self.end = self.base + size
            self._previous_base = min(self._previous_base, self.base)
            self._mid_line = False

    def _make(self) -> bool:
        """Make a new file; False when it has to be opened like any other."""
        self._file = _CLOSED
        try:
            self._file = os.open(self._path, _FLAGS | os.O_EXCL, 0o644)
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    def _forget_unsent(self, start: int) -> None:
        """Leave out bytes that were removed before they were sent: offsets go on without a gap."""
        logger.warning("a part of a log was taken away before it was shipped", file=self._path)
        if start < self.base:
            self.end -= self.base - start
            self.base = start
        else:
            self.end = start
            self.base = start - os.fstat(self._file).st_size
        self._previous_base = min(self._previous_base, self.base)
        self._mid_line = False

    def _open_previous(self) -> None:
        if self._previous < 0:
            self._previous = os.open(_previous_path(self._path), os.O_RDONLY | os.O_CLOEXEC)

    def _remember(self, next_base: int = 0) -> None:
        if self._state:
            self._remembered = self.shipped
            lines, errors = self.shipped_count
            state = ShippingState(self.base, self.shipped, next_base, self.marks, self.stream, lines, errors)
            write_state(self._state, state)


def _previous_path(path: str) -> str:
    return f"{path}.prev"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
