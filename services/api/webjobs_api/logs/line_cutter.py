"""Cuts the wanted lines out of a log that comes piece by piece; pure."""

from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.line_view import KEPT_BYTES, RawLine


class LineCutter:
    """Keeps the beginnings of the lines from `first` on, and only counts the lines before.

    Args:
        first: Number of the first line that is wanted.
        line: Number of the line with which the pieces begin.
        offset: Of their first byte.
        count: How many lines are wanted.
    """

    def __init__(self, first: int, *, line: int = 1, offset: int = 0, count: int) -> None:
        self._first = first
        self._after = first + count
        self.line = line
        """Number of the line that has not ended yet."""
        self.end = offset
        """Offset of what comes next."""
        self._line_offset = offset
        self._head = b""

    @property
    def is_full(self) -> bool:
        """Whether all lines that are wanted have ended."""
        return self.line >= self._after

    @property
    def is_amid_line(self) -> bool:
        """Whether the last line has no end yet."""
        return self.end > self._line_offset

    def add(self, piece: Piece) -> list[RawLine]:
        """Returns the wanted lines that a piece ends."""
        found: list[RawLine] = []
        if piece.gap and self.is_amid_line:
            found += self._ended(self.end)
            self._line_offset = piece.start
        data, start, at = piece.data, piece.start, 0
        if self.line + data.count(b"\n") < self._first:
            self._skip(piece)
            return found
        while not self.is_full and (end := data.find(b"\n", at)) >= 0:
            self._keep(data, at, end)
            found += self._ended(start + end)
            at = end + 1
            self._line_offset = start + at
        self._keep(data, at, len(data))
        self.end = piece.end
        return found

    def rest(self) -> list[RawLine]:
        """Returns the line that has not ended, if it is wanted and not empty."""
        if not self.is_amid_line or self.is_full:
            return []
        return self._ended(self.end)

    def _skip(self, piece: Piece) -> None:
        """Count the lines of a piece that has none of those wanted."""
        newline = piece.data.rfind(b"\n")
        if newline >= 0:
            self.line += piece.data.count(b"\n")
            self._line_offset = piece.start + newline + 1
        self.end = piece.end

    def _keep(self, data: bytes, start: int, end: int) -> None:
        if self._first <= self.line < self._after and (room := KEPT_BYTES - len(self._head)) > 0:
            self._head += data[start : min(end, start + room)]

    def _ended(self, end: int) -> list[RawLine]:
        head, self._head = self._head, b""
        line, self.line = self.line, self.line + 1
        if not self._first <= line < self._after:
            return []
        return [RawLine(line, self._line_offset, head, end - self._line_offset)]
