"""Lines that must be kept on a full disk: a file whose space is taken beforehand."""

import os
from contextlib import suppress
from pathlib import Path

from webjobs_runner.log import logger

SIZE = 256 * 1024  # bytes
_CHUNK = bytes(64 * 1024)


class SpareSpace:
    """Holds what fits into its size; overwriting needs no free space, except on a file system that copies.

    The lines come first, and what is not used is filled with zeros.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._size = 0
        self._used = 0

    @property
    def is_used(self) -> bool:
        """Whether it holds lines."""
        return self._used > 0

    def open(self) -> bytes:
        """Take the space, as far as there is any; returns the lines that an earlier boot left."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        try:
            while self._size < SIZE:
                self._size += os.pwrite(self._file, _CHUNK[: SIZE - self._size], self._size)
        except OSError as error:
            logger.warning("no spare space on the disk", file=str(self._path), error=str(error))
        held = os.pread(self._file, self._size, 0).partition(b"\0")[0]
        lines = held[: held.rfind(b"\n") + 1]  # a line cut short by a kill is none
        self._used = len(lines)
        return lines

    def append(self, line: bytes) -> bool:
        """Add a line, which ends with a line feed and holds no zero; returns whether it is kept."""
        if self._file < 0 or self._used + len(line) > self._size:
            return False
        try:
            if os.pwrite(self._file, line, self._used) != len(line):
                return False
        except OSError as error:
            logger.error("spare space not written", file=str(self._path), error=str(error))
            return False
        self._used += len(line)
        return True

    def held(self) -> bytes:
        """The lines."""
        return os.pread(self._file, self._used, 0)

    def clear(self) -> None:
        """Hold no line any more."""
        with suppress(OSError):
            os.pwrite(self._file, bytes(self._used), 0)
        self._used = 0

    def close(self) -> None:
        """Close the file; what it holds is read at the next start."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
