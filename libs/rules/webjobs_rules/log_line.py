"""The mark at the head of every log line, put there a chunk at a time.

Marks look like `[11/08/2013 02:56:00 > 327e1e: INFO] text`. A script's standard output is INFO, its
standard error is ERROR; what webjobs itself logs is SYS INFO, SYS WARN or SYS ERROR.
Source: Kudu, JobLogger.cs (GetFormattedMessage).
"""

import codecs
from datetime import datetime

from webjobs_rules.log_format import Level, line_mark

# A line longer than this is passed on in pieces, so that no line is ever held whole.
PIECE_BYTES = 64 * 1024


def system_lines(text: str, instant: datetime, instance_id: str, level: Level = "SYS INFO") -> bytes:
    """Returns what webjobs itself logs, with a mark for each line of the text; no text has no line."""
    if text and "\n" not in text and "\r" not in text:
        return b"%b%b\n" % (line_mark(instant, instance_id, level), text.encode("utf-8", "replace"))
    marker = LineMarker(instance_id, level)
    return marker.mark(text.encode("utf-8", "replace"), instant) + marker.flush(instant)


class LineMarker:
    r"""Marks the lines of one stream.

    The result is always valid UTF-8 (what is not becomes U+FFFD) and does not depend on how the stream
    was cut into chunks, instants aside. Lines end at `\n`, `\r\n` or a lone `\r` (a progress bar writes
    many lines), and are written with `\n`. NUL and other control characters stay.

    An unfinished line is held until it ends, up to 64 KiB, or until `flush_unfinished`; it goes out in
    pieces under one mark: `is_mid_line` is set while what was returned so far does not end a line.
    """

    __slots__ = ("_held", "_instance_id", "_level", "_skip_newline", "is_mid_line", "lines")

    def __init__(self, instance_id: str, level: Level) -> None:
        self._instance_id = instance_id
        self._level = level
        self._held: bytes | bytearray = b""
        self._skip_newline = False
        self.is_mid_line = False
        self.lines = 0
        """Lines ended so far."""

    def mark(self, chunk: bytes, instant: datetime) -> bytes:
        """Take the next bytes of the stream; answer the marked lines that they complete."""
        if self._skip_newline or b"\r" in chunk:
            chunk = self._with_plain_line_ends(chunk)
        cut = chunk.rfind(b"\n")
        if cut < 0:
            self._hold(chunk)
            return self._piece(instant) if len(self._held) >= PIECE_BYTES else b""
        whole = self._released() + chunk[:cut] if self._held else chunk[:cut]
        marked = self._end_lines(whole, instant)
        self._hold(chunk[cut + 1 :])
        if len(self._held) >= PIECE_BYTES:
            marked += self._piece(instant)
        return marked

    @property
    def holds_unfinished_line(self) -> bool:
        """Whether bytes of a line without an end are held."""
        return bool(self._held)

    def flush_unfinished(self, instant: datetime) -> bytes:
        """Returns what is held of an unfinished line, apart from a character that is still incomplete."""
        return self._piece(instant)

    def flush(self, instant: datetime) -> bytes:
        """End the stream: answer the last line if it had no line end."""
        if not self._held and not self.is_mid_line:
            return b""
        return self._end_lines(self._released(), instant)

    def _hold(self, rest: bytes) -> None:
        """Keep bytes of a line without an end; nothing is allocated for none."""
        if not self._held:
            self._held = bytearray(rest) if rest else b""
        else:
            self._held += rest

    def _released(self) -> bytes:
        held, self._held = bytes(self._held), b""
        return held

    def mark_at(self, instant: datetime) -> bytes:
        """Answer this stream's mark, for a line that has to be taken up again."""
        return line_mark(instant, self._instance_id, self._level)

    def _end_lines(self, whole: bytes, instant: datetime) -> bytes:
        """Mark whole lines, given without their last line end."""
        text = _valid_utf8(whole)
        mark = self.mark_at(instant)
        marked = text.replace(b"\n", b"\n" + mark)
        self.lines += (len(marked) - len(text)) // len(mark) + 1
        head = b"" if self.is_mid_line else mark
        self.is_mid_line = False
        return b"%b%b\n" % (head, marked)

    def _piece(self, instant: datetime) -> bytes:
        """Pass on what is held of a line, but for a character that is still incomplete."""
        text, used = codecs.utf_8_decode(self._held, "replace", False)
        self._held = self._held[used:]
        if not text:
            return b""
        head = b"" if self.is_mid_line else self.mark_at(instant)
        self.is_mid_line = True
        return head + text.encode()

    def _with_plain_line_ends(self, chunk: bytes) -> bytes:
        r"""Write every line end as `\n`; a `\r` ends its line at once, so a `\n` that follows is dropped."""
        if self._skip_newline and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._skip_newline = False
        if chunk:
            self._skip_newline = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_NONE: frozenset[LineMarker] = frozenset()  # each new one would take 216 bytes


class MergedLines:
    """Puts marked bytes of several streams into one log in which every line starts with a mark.

    Streams mix at line ends only, but for one case: a line that is long or stays unfinished is written in
    pieces, and another stream may write between two of them. Then the line is broken: a line end is put
    after its first part, and its rest goes on under a new mark of its own stream.
    """

    __slots__ = ("_broken", "_open")

    def __init__(self) -> None:
        self._open: LineMarker | None = None
        self._broken = _NONE

    def add(self, marker: LineMarker | None, marked: bytes, instant: datetime) -> bytes:
        """Answer the bytes to append for `marked`, which `marker` (None: webjobs itself) just returned."""
        if not marked:
            return marked
        if marker is not None and marker in self._broken:
            self._broken -= {marker}
            marked = marker.mark_at(instant) + marked
        if self._open is not None and self._open is not marker:
            self._broken |= {self._open}
            marked = b"\n" + marked
        self._open = marker if marker is not None and marker.is_mid_line else None
        return marked


def _valid_utf8(text: bytes) -> bytes:
    if text.isascii():
        return text
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text
