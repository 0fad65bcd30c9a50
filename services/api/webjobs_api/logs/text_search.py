"""Finds a text in a log that comes piece by piece: literal, in time linear in the size of the log; pure."""

import re

from webjobs_rules.log_format import MARK

MOST_MATCHES = 1000
"""Lines whose numbers are kept; the others are counted."""

_LONGEST_HELD = 1024 * 1024  # bytes of a line that has not ended; a longer one is searched in parts
_LONGEST_MARK = 160  # bytes
_LETTERS = re.compile(rb"[A-Za-z]+")


class TextSearch:
    """Finds the lines that hold a text behind their mark.

    Args:
        text: Not empty, on one line. Colour codes between its characters are not passed over.
        is_case_sensitive: False: letters of either case are the same.
    """

    def __init__(self, text: str, *, is_case_sensitive: bool = False) -> None:
        self._is_ascii = text.isascii()
        self._ignores_case = not is_case_sensitive
        self._wanted = (text.lower() if self._ignores_case else text).encode("utf-8", "surrogatepass")
        self._caseless = _caseless_part(self._wanted) if self._ignores_case and self._is_ascii else b""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._line = 1  # number of the line that is held, when the lines below are counted
        self._uncounted, self._counted_until = b"", 0  # lines that end before it, and are not counted yet
        self._is_line_begun = False  # a part of it was searched
        self._is_line_found = False
        self.matches: list[int] = []
        """Numbers of the first lines that hold the text."""
        self.count = 0
        """How many lines hold it."""

    def add(self, data: bytes, line: int | None = None) -> None:
        """Take the next bytes of the log.

        Args:
            data: The bytes.
            line: Number of the line with which they begin, or go on; None: it is counted.
        """
        if line is not None:
            self._line, self._uncounted = line, b""
        end = data.rfind(b"\n") + 1
        if end:
            self._search(b"".join((*self._held, data[:end])))
            self._is_line_begun = self._is_line_found = False
            self._held, self._held_bytes = [], 0
        if end < len(data):
            self._held.append(data[end:])
            self._held_bytes += len(data) - end
        if self._held_bytes > _LONGEST_HELD:
            self._search_part()

    def finish(self) -> None:
        """Search the line that has not ended."""
        if self._held:
            self._search(b"".join(self._held))

    def _search_part(self) -> None:
        """Search a line so far, and hold only what a text that goes on in its next part begins with."""
        part = b"".join(self._held)
        self._search(part)
        self._is_line_begun = True
        rest = part[len(part) - min(len(part), 4 * len(self._wanted)) :]
        self._held, self._held_bytes = [rest], len(rest)

    def _search(self, data: bytes) -> None:
        """Search lines of which only the first may have been begun, and only the last may go on."""
        self._pass_lines(self._uncounted.count(b"\n", self._counted_until))
        if self._caseless and self._caseless not in data:
            self._uncounted, self._counted_until = data, 0
            return
        text = self._folded(data)
        line_start, at = 0, 0  # of the line up to which lines are counted; where to search on
        while (found := text.find(self._wanted, at)) >= 0:
            self._pass_lines(text.count(b"\n", line_start, found))
            line_start = max(line_start, text.rfind(b"\n", line_start, found) + 1)
            is_rest = line_start == 0 and self._is_line_begun
            if not is_rest and (text_begin := _end_of_mark(text, line_start, found)):
                at = text_begin
                continue
            self._match()
            at = text.find(b"\n", found)
            if at < 0:
                break
        self._uncounted, self._counted_until = text, line_start

    def _match(self) -> None:
        """Count the line, once."""
        if not self._is_line_found:
            self._is_line_found = True
            self.count += 1
            if len(self.matches) < MOST_MATCHES:
                self.matches.append(self._line)

    def _pass_lines(self, count: int) -> None:
        if count:
            self._line += count
            self._is_line_begun = self._is_line_found = False

    def _folded(self, data: bytes) -> bytes:
        if not self._ignores_case:
            return data
        if self._is_ascii:
            return data.lower()
        return data.decode("utf-8", "replace").lower().encode("utf-8", "surrogatepass")


def _caseless_part(text: bytes) -> bytes:
    """The longest part without letters: where it is not, the text is not, whatever the case."""
    return max(_LETTERS.split(text), key=len)


def _end_of_mark(text: bytes, line_start: int, found: int) -> int:
    """Where the mark of a line ends if what was found is in it; 0 if it is behind it, or there is none."""
    if text.find(b"] ", line_start, found) >= 0 or not MARK.match(text, line_start):
        return 0
    end = text.find(b"] ", found - 1, line_start + _LONGEST_MARK)
    return end + 2 if end >= 0 else 0
