"""One log file on disk, which is also the spool of what is shipped to the stream of logs."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from webjobs_runner.log import logger

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"


class ShippingState(msgspec.Struct, frozen=True):
    """How far a log that outlives its runner was shipped: offsets count from the log's first byte ever."""

    base: int = 0
    shipped: int = 0


class LogFile:
    """Bytes are appended on one side and read off for shipping on the other.

    Args:
        path: The file; made with its folders when first written.
        name: How readers know it, such as `output_<id>.log`.
        subject: Where its chunks are published.
        state: Where to remember how far it was shipped; None for the log of one run, which is
            finished with the run.
        roll_at: Size in bytes at which a shipped file is set aside as `<name>.prev`; 0: never.
    """

    __slots__ = ("_file", "_path", "_roll_at", "_state", "base", "end", "name", "sent", "shipped", "subject")

    def __init__(
        self, path: Path, *, name: str, subject: str, state: Path | None = None, roll_at: int = 0
    ) -> None:
        self._path = path
        self._state = state
        self._roll_at = roll_at
        self._file = -1
        self.name = name
        self.subject = subject
        known = _read_state(state)
        size = path.stat().st_size if path.exists() else 0
        self.base = known.base
        self.end = known.base + size
        self.shipped = min(known.shipped, self.end)
        self.sent = self.shipped

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        return self.end == 0

    def append(self, data: bytes) -> None:
        """Write at the end."""
        if not data:
            return
        descriptor = self._open()
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        self.end += len(data)

    def read_unsent(self, limit: int) -> tuple[int, bytes]:
        """The next bytes to ship and their offset; they count as sent."""
        start = self.sent
        data = os.pread(self._open(), min(limit, self.end - start), start - self.base)
        if not data:
            logger.warning("log file was cut short by somebody", file=str(self._path))
            self.sent = self.shipped = self.end
        else:
            self.sent = start + len(data)
        return start, data

    def headers(self, start: int, size: int) -> Mapping[str, str]:
        """Headers of the chunk at an offset; the id makes a repeat of the same chunk harmless."""
        return {
            FILE_HEADER: self.name,
            OFFSET_HEADER: str(start),
            "Nats-Msg-Id": f"{self.subject}/{self.name}/{start}-{start + size}",
        }

    def rest(self) -> None:
        """Everything is shipped for now: close the file, remember how far, set a large one aside."""
        if self._roll_at and self.end - self.base > self._roll_at and self.shipped == self.end:
            self._path.rename(self._path.with_name(self._path.name + ".prev"))
            self.base = self.end
        self.close()

    def close(self) -> None:
        """Close the file and remember how far it was shipped."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if self._state is not None:
                self._state.parent.mkdir(parents=True, exist_ok=True)
                self._state.write_bytes(msgspec.json.encode(ShippingState(self.base, self.shipped)))

    def _open(self) -> int:
        if self._file < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            try:
                self._file = os.open(self._path, flags, 0o644)
            except FileNotFoundError:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, flags, 0o644)
        return self._file


def _read_state(path: Path | None) -> ShippingState:
    if path is None or not path.exists():
        return ShippingState()
    try:
        return msgspec.json.decode(path.read_bytes(), type=ShippingState)
    except msgspec.MsgspecError:
        logger.warning("unreadable shipping state", file=str(path))
        return ShippingState()
