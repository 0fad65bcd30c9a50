"""One log file on disk, which is also the spool of what is shipped to the stream of logs."""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from webjobs_runner.domain.log_line import system_lines
from webjobs_runner.log import logger

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"
_REMEMBER_BYTES = 256 * 1024  # shipped unremembered; so much is shipped again after a kill, to no harm
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC

_STATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class ShippingState(msgspec.Struct, frozen=True):
    """How far a log that outlives its runner was shipped; offsets count from the log's first byte ever.

    Attributes:
        base: Offset of the file's first byte.
        shipped: Offset up to which the stream has the log.
        next_base: Base after the change of files that was just beginning; 0 when none was.
    """

    base: int = 0
    shipped: int = 0
    next_base: int = 0


class LogFile:
    """Bytes are appended on one side and read off for shipping on the other.

    A disk that takes nothing, or a file that somebody removes or cuts short, costs the bytes concerned:
    lines that were not written are counted, and the log says how many as soon as it can be written again.

    Args:
        path: The file; made with its folders when first written.
        name: How readers know it, such as `output_<id>.log`.
        subject: Where its chunks are published.
        instance_id: Named in the marks of what is said here about the log itself.
        state: Where to remember how far it was shipped; empty for the log of one run, which is
            finished with the run.
        roll_at: Size in bytes at which the file is set aside as `<name>.prev`; 0: never.
    """

    __slots__ = (
        "_dropped", "_file", "_instance_id", "_path", "_previous", "_previous_base", "_remembered",
        "_roll_at", "_roll_size", "_state", "_torn", "base", "end", "name", "sent", "shipped", "subject",
    )  # fmt: skip

    def __init__(
        self, path: str, *, name: str, subject: str, instance_id: str, state: str = "", roll_at: int = 0
    ) -> None:
        self._path = path
        self._state = state
        self._roll_at = self._roll_size = roll_at
        self._instance_id = instance_id
        self._file = -1
        self._previous = -1  # what was set aside and is not shipped whole, open for reading
        self._dropped = 0  # lines, not yet told
        self._torn = False  # the last line on disk has no end, because the rest of it was dropped
        self.name = name
        self.subject = subject
        known = _read_state(state)
        size, previous_size = _size(path), _size(_previous_path(path)) if known.base or known.next_base else 0
        self.base, self.shipped = known.base, known.shipped
        if known.next_base and size < known.next_base - known.base == previous_size:
            self.base = known.next_base  # the kill came just after the change of files
        elif self.base + size < self.shipped:
            self.base = self.shipped  # somebody cut the file: what is in it now is new
        self.end = self.base + size
        self._previous_base = self.base - previous_size
        self.shipped = self.sent = max(self.shipped, self._previous_base)
        self._remembered = self.shipped

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return self.end == 0

    @property
    def is_shipped(self) -> bool:
        """Whether the stream has all of it."""
        return self.shipped == self.end

    def append(self, data: bytes) -> None:
        """Write at the end; lines that the disk does not take are counted."""
        if not data:
            return
        if self._dropped:
            self._tell_dropped()
        written = self._write(data)
        if written < len(data):
            self._dropped += max(1, data.count(b"\n", written))
            self._torn = self._torn if written == 0 else not data.endswith(b"\n", 0, written)

    def read_unsent(self, limit: int) -> tuple[int, bytes]:
        """The next bytes to ship and their offset; they count as sent. No bytes: there is nothing to ship.

        Raises:
            OSError: The file cannot be read.
        """
        start = self.sent
        if start == self.end:
            return start, b""
        if start < self.base:
            self._open_previous()
            data = os.pread(self._previous, min(limit, self.base - start), start - self._previous_base)
        else:
            self._open()
            start = self.sent  # moved on if the file was found cut short
            data = os.pread(self._file, min(limit, self.end - start), start - self.base)
        if not data and start < self.end:
            logger.warning("a part of a log was taken away before it was shipped", file=self._path)
            self.shipped = self.sent = self.base if start < self.base else self.end
            self.rest()
        self.sent += len(data)
        return start, data

    def give_up(self) -> None:
        """Ship no more of what is there: it cannot be read."""
        self.shipped = self.sent = self.end

    def headers(self, start: int, size: int) -> Mapping[str, str]:
        """Headers of the chunk at an offset; the id makes a repeat of the same chunk harmless."""
        return {
            FILE_HEADER: self.name,
            OFFSET_HEADER: str(start),
            "Nats-Msg-Id": f"{self.subject}/{self.name}/{start}-{start + size}",
        }

    def rest(self) -> None:
        """Close it until it is used again."""
        for descriptor in (self._file, self._previous):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._previous = -1
        if self.shipped - self._remembered >= _REMEMBER_BYTES:
            self._remember()

    def close(self) -> None:
        """Close it for this boot, and remember how far it was shipped."""
        self.rest()
        if self.shipped != self._remembered:
            self._remember()

    # Writing

    def _write(self, data: bytes) -> int:
        """Write as much as the disk takes; answers how much that was."""
        written = 0
        try:
            if self._roll_at and self.end - self.base >= self._roll_size and self.shipped >= self.base:
                self._roll()
            self._open()
            view = memoryview(data)
            while written < len(data):
                count = os.write(self._file, view[written:])
                written += count
                self.end += count
        except OSError as error:
            if not self._dropped:
                logger.error("log lines dropped", file=self._path, error=str(error))
        return written

    def _tell_dropped(self) -> None:
        lines = f"{self._dropped} lines were dropped here: they could not be written to the disk."
        note = system_lines(lines, datetime.now(UTC), self._instance_id, "SYS ERROR")
        note = b"\n" + note if self._torn else note
        written = self._write(note)
        if written:
            self._torn = not note.endswith(b"\n", 0, written)
        if written == len(note):
            self._dropped = 0

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
        self._previous, self._file = self._file, -1
        self._previous_base, self.base = self.base, self.end
        self._roll_size = self._roll_at
        self._remember()

    def _open(self) -> None:
        if self._file >= 0:
            return
        try:
            self._file = os.open(self._path, _FLAGS, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = os.open(self._path, _FLAGS, 0o644)
        size = os.fstat(self._file).st_size
        if size != self.end - self.base:
            # Somebody removed the file or changed it: what comes now follows what was, in the stream too.
            logger.warning("log file was changed by somebody", file=self._path)
            self.base = self.end - size
            self._previous_base = min(self._previous_base, self.base)
            self.shipped = self.sent = max(self.sent, self.end)

    def _open_previous(self) -> None:
        if self._previous < 0:
            self._previous = os.open(_previous_path(self._path), os.O_RDONLY | os.O_CLOEXEC)

    def _remember(self, next_base: int = 0) -> None:
        """Write the state at one stroke; when the disk is full the old one stays, and repeats do no harm."""
        if not self._state:
            return
        self._remembered = self.shipped
        content = msgspec.json.encode(ShippingState(self.base, self.shipped, next_base))
        beside = f"{self._state}.new"
        with suppress(OSError):
            try:
                descriptor = os.open(beside, _STATE_FLAGS, 0o600)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(self._state), exist_ok=True)
                descriptor = os.open(beside, _STATE_FLAGS, 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
            os.rename(beside, self._state)


def _previous_path(path: str) -> str:
    return f"{path}.prev"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _read_state(path: str) -> ShippingState:
    if not path:
        return ShippingState()
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=ShippingState)
    except OSError:
        return ShippingState()
    except msgspec.MsgspecError:
        logger.warning("unreadable shipping state", file=path)
        return ShippingState()
