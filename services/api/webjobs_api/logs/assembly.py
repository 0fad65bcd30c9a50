"""Logs put together from chunks that come twice, overlap, or come out of order; pure."""

from typing import NamedTuple

_MOST_HELD = 8 * 1024 * 1024  # bytes behind a gap; more than a runner has on its way at a time


class Piece(NamedTuple):
    """Some bytes of a log."""

    data: bytes
    end: int
    """Offset of what comes next."""
    gap: int = 0
    """Bytes missing before these."""

    @property
    def start(self) -> int:
        """Offset of the first of these bytes."""
        return self.end - len(self.data)


class Assembly:
    """Puts the chunks of one log in the order of their offsets, and drops what it has had.

    After an outage of NATS a chunk may be stored behind a later one. So a chunk behind a gap is held until
    the gap is filled, or known to stay.

    Args:
        start: Offset of the first byte wanted.
        most_held: Bytes held behind a gap; with more, the gap stays.
    """

    __slots__ = ("_held", "_held_bytes", "_most_held", "end")

    def __init__(self, start: int = 0, most_held: int = _MOST_HELD) -> None:
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0
        self._most_held = most_held
        self.end = start
        """Offset of what comes next."""

    @property
    def has_gap(self) -> bool:
        """Whether chunks are held behind a gap."""
        return bool(self._held)

    def add(self, offset: int, data: bytes) -> list[Piece]:
        """Returns what a chunk adds to the log: nothing, or a piece, and those that were held behind it."""
        if offset > self.end:
            self._hold(offset, data)
            return self.skip_gap() if self._held_bytes > self._most_held else []
        return [*self._fresh(offset, data), *self._release()]

    def skip_gap(self) -> list[Piece]:
        """Returns what is held behind the first gap, which stays; nothing when there is none."""
        if not self._held:
            return []
        first = min(self._held)
        gap, self.end = first - self.end, first
        pieces = self._release()
        return [pieces[0]._replace(gap=gap), *pieces[1:]] if pieces else []

    def _hold(self, offset: int, data: bytes) -> None:
        before = self._held.get(offset, b"")
        if len(data) > len(before):
            self._held[offset] = data
            self._held_bytes += len(data) - len(before)

    def _fresh(self, offset: int, data: bytes) -> list[Piece]:
        if offset + len(data) <= self.end:
            return []
        fresh = data[self.end - offset :]
        self.end += len(fresh)
        return [Piece(fresh, self.end)]

    def _release(self) -> list[Piece]:
        """What is held and joins up with the end."""
        pieces: list[Piece] = []
        while self._held and (first := min(self._held)) <= self.end:
            data = self._held.pop(first)
            self._held_bytes -= len(data)
            pieces += self._fresh(first, data)
        return pieces
