"""Which lines a log could not store, and how many; pure."""


class DroppedLines:
    r"""Counts each line that a log does not hold whole, once.

    A line whose beginning could not be stored is dropped to its end, so that no part of it is taken for a
    line of its own.
    """

    __slots__ = ("_in_dropped_line", "total", "unreported")

    def __init__(self) -> None:
        self._in_dropped_line = False
        self.total = 0
        """Lines dropped since the log began."""
        self.unreported = 0
        """Those of them that the log does not mention yet."""

    def storable(self, data: bytes) -> bytes:
        """Returns the part of `data` behind the end of the line that is being dropped."""
        if not self._in_dropped_line:
            return data
        end = data.find(b"\n")
        self._in_dropped_line = end < 0
        return data[end + 1 :] if end >= 0 else b""

    def drop(self, data: bytes, *, after_unfinished_line: bool, is_counted: bool = True) -> None:
        """Account for bytes that were not stored.

        Args:
            data: The bytes.
            after_unfinished_line: Whether what was stored before them does not end a line.
            is_counted: False for lines that the runner itself wrote.
        """
        if after_unfinished_line and data.startswith(b"\n"):
            data = data[1:]  # the line before is whole
        if not data:
            return
        self._in_dropped_line = not data.endswith(b"\n")
        if is_counted:
            lines = data.count(b"\n") + self._in_dropped_line
            self.total += lines
            self.unreported += lines
