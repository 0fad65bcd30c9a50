"""Records that must outlive a kill: a file of one line each, appended to in one write and no new file."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from webjobs_events.errors import MALFORMED

from webjobs_runner.log import logger
from webjobs_runner.spare_space import SpareSpace

_COMPACT_BYTES = 4 * 1024 * 1024  # of settled lines, from which on the file is rewritten


T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()


class Journal(Generic[T]):
    """Appended to by one runner, and read at its next start.

    Args:
        path: The file.
        holds: What it holds, in a word.
        record_type: Of its lines.
    """

    def __init__(self, path: Path, holds: str, record_type: type[T]) -> None:
        self._path = path
        self._holds = holds
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(record_type)
        self._spare = SpareSpace(path.with_suffix(".spare"))
        self._file = -1
        self._size = 0
        self._settled = 0
        self._is_failing = False

    def open(self) -> list[tuple[T, int]]:
        """Open it, creating what is missing; answers what it holds, each with the size of its line.

        A line that a kill or a full disk cut short is no record yet, and is cleared away: what comes next
        must not be glued to it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        records = self._read(self._path.read_bytes() if self._path.exists() else b"")
        records += self._read(self._spare.open())
        return list(zip(records, self.rewrite(records), strict=True))

    def append(self, record: T) -> int:
        """Add a line; returns its size, 0 when the disk takes nothing and the spare space is used up."""
        line = _encoder.encode(record) + b"\n"
        if self._spare.is_used and not self._empty_spare():
            return self._append_to_spare(line)
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("the disk took a part only")
        except OSError as error:
            self._take_back(error)
            return self._append_to_spare(line)
        self._is_failing = False
        self._size += len(line)
        return len(line)

    @property
    def is_wasteful(self) -> bool:
        """Whether most of a large file is needed no more."""
        return self._settled > _COMPACT_BYTES and self._settled * 2 > self._size

    def settled(self, size: int) -> None:
        """A line of this size is needed no more."""
        self._settled += size

    def clear(self) -> None:
        """No line is needed any more."""
        if self._size:
            os.ftruncate(self._file, 0)
        if self._spare.is_used:
            self._spare.clear()
        self._size = self._settled = 0

    def close(self) -> None:
        """Close the file; what it holds is read at the next start."""
        self._close_file()
        self._spare.close()

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _append_to_spare(self, line: bytes) -> int:
        if self._spare.append(line):
            return len(line)
        if not self._is_failing:
            logger.error("journal not written; a kill now loses it", holds=self._holds)
        self._is_failing = True
        return 0

    def _empty_spare(self) -> bool:
        """Move the lines of the spare space into the file, before any later one; False while it is full."""
        lines = self._spare.held()
        try:
            if os.write(self._file, lines) != len(lines):
                raise OSError("the disk took a part only")
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            return False
        self._size += len(lines)
        self._spare.clear()
        logger.info("journal is written to the disk again", holds=self._holds)
        return True

    def _take_back(self, error: OSError) -> None:
        """The disk is full: half a line must not stay."""
        if not self._is_failing:
            logger.warning("journal goes on in its spare space", holds=self._holds, error=str(error))
        with suppress(OSError):
            os.ftruncate(self._file, self._size)

    def rewrite(self, records: Sequence[T]) -> list[int]:
        """Let the file hold just these, at one stroke; answers the sizes of their lines.

        Raises:
            OSError: The file cannot be opened at all.
        """
        lines = [_encoder.encode(record) + b"\n" for record in records]
        beside = self._path.with_suffix(".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.writelines(lines)
            beside.rename(self._path)
        except OSError as error:
            if self._file < 0:
                raise
            logger.error("journal cannot be rewritten", holds=self._holds, error=str(error))
        else:
            self._close_file()
            self._spare.clear()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            self._size = sum(map(len, lines))
        self._settled = 0
        return list(map(len, lines))

    def _read(self, lines: bytes) -> list[T]:
        records = []
        for line in lines.split(b"\n"):
            try:
                if line:
                    records.append(self._decoder.decode(line))
            except MALFORMED:
                logger.warning("unreadable line of a journal dropped", journal=str(self._path))
        return records
