"""Whole lines out of the chunks of many logs; pure."""

import re
from collections import OrderedDict

from webjobs_api.log_stream import Assembly

_LONGEST_LINE = 128 * 1024  # bytes; what is longer is passed on in pieces
_MOST_SOURCES = 1000  # logs remembered at a time
_MARK = re.compile(rb"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > ")


class LogLines:
    """Gives the lines that chunks complete; those of one log never break into those of another."""

    def __init__(self) -> None:
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
            known = Assembly(), bytearray()
            if offset and not _MARK.match(chunk):  # the end of a line whose beginning we did not hear
                _, _, rest = chunk.partition(b"\n")
                offset, chunk = offset + len(chunk) - len(rest), rest
        self._logs[source] = known
        if len(self._logs) > _MOST_SOURCES:
            self._logs.popitem(last=False)
        assembly, held = known
        held += assembly.fresh(source, offset, chunk)
        *lines, rest = bytes(held).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        held[:] = rest
        return lines

    def rest(self) -> list[bytes]:
        """Lines that have no end yet."""
        return [bytes(held) for _, held in self._logs.values() if held]
