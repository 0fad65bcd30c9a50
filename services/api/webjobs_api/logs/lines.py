"""Whole lines out of the chunks of many logs; pure."""

from collections import OrderedDict

from webjobs_rules.log_format import MARK

from webjobs_api.logs.assembly import Assembly

_LONGEST_LINE = 128 * 1024  # bytes; what is longer is passed on in pieces
_MOST_SOURCES = 1000  # logs remembered at a time


class LogLines:
    """Gives the lines that chunks complete; those of one log never break into those of another."""

    def __init__(self) -> None:
        self._is_amid_line = False
        self._logs: OrderedDict[str, tuple[Assembly, bytearray]] = OrderedDict()

    def add(self, source: str, offset: int, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends.

        Args:
            source: Names the log.
            offset: Of the chunk in it.
            chunk: What was written there.
        """
        known = self._logs.pop(source, None)
        if known is None:
            if offset and not MARK.match(chunk):  # the end of a line whose beginning was not received
                _, _, rest = chunk.partition(b"\n")
                offset, chunk = offset + len(chunk) - len(rest), rest
            known = Assembly(offset, most_held=0), bytearray()
        self._logs[source] = known
        if len(self._logs) > _MOST_SOURCES:
            self._logs.popitem(last=False)
        assembly, held = known
        for piece in assembly.add(offset, chunk):
            held += piece.data
        *lines, rest = bytes(held).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        held[:] = rest
        self._is_amid_line = self._is_amid_line and not lines
        return lines

    def unfinished(self) -> bytes:
        """The unfinished line of the only log, as far as it goes; only the rest of it is given later."""
        assert len(self._logs) <= 1
        taken = b""
        for _, held in self._logs.values():
            taken += held
            held.clear()
        self._is_amid_line = self._is_amid_line or bool(taken)
        return taken

    @property
    def has_unfinished(self) -> bool:
        """Whether a line has no end yet."""
        return any(held for _, held in self._logs.values())

    def rest(self) -> list[bytes]:
        """Lines that have no end yet."""
        return [bytes(held) for _, held in self._logs.values() if held or self._is_amid_line]
