"""A file as text in a form, and the bytes that it has after a change: line ends and mark are kept; pure."""

import codecs
import re
from collections.abc import Sequence
from itertools import takewhile

from webjobs_rules.amounts import size

MAX_BYTES = 256 * 1024
"""Of a file that is edited in a browser."""

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")


def why_not_editable(content: bytes) -> str:
    """Why a file is no text that a form can hold, as a sentence; empty when it is."""
    if len(content) > MAX_BYTES:
        return too_large(len(content))
    if b"\0" in content:
        return "It is binary: it holds a NUL character."
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"It is no UTF-8 text: byte {error.start + 1:,} does not fit."
    return ""


def too_large(bytes_: int) -> str:
    """A sentence about a file above the limit."""
    return f"It has {size(bytes_)}; files of at most {size(MAX_BYTES)} can be edited here."


def shown_text(content: bytes) -> str:
    """An editable file for a form, which knows one kind of line end and no byte order mark."""
    return _with_line_feeds(content.removeprefix(codecs.BOM_UTF8).decode())


def edited(before: bytes, typed: str) -> bytes:
    r"""A file with the text of a form: each line ends as it did before, and a new one as most lines do.

    Args:
        before: The editable file; empty for a new one, whose lines end with `\n`.
        typed: The text as a browser sends it.
    """
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    old, new = _lines(before.removeprefix(mark).decode()), _with_line_feeds(typed).split("\n")
    first = _equal(zip(old, new, strict=False))
    room = min(len(old), len(new)) - first
    last = _equal(zip(old[len(old) - room :][::-1], new[len(new) - room :][::-1], strict=True))
    usual = _usual_end([end for _, end in old if end])
    changed = new[first : len(new) - last]
    kept = [end for _, end in old[first : len(old) - last]]
    ends = kept if len(kept) == len(changed) else [usual] * len(changed)
    ends = [*(end for _, end in old[:first]), *ends, *(end for _, end in old[len(old) - last :])]
    pairs = [*zip(new[:-1], (end or usual for end in ends), strict=False), (new[-1], "")]
    return mark + "".join(text + end for text, end in pairs).encode()


def _lines(text: str) -> Sequence[tuple[str, str]]:
    """Every line with its end; the last one has none, and is empty behind a final line end."""
    found = [(match[1], match[2]) for match in _LINE.finditer(text)]
    return found if len(found) < 2 or found[-2][1] else found[:-1]


def _equal(pairs: "zip[tuple[tuple[str, str], str]]") -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0][0] == pair[1], pairs))


def _usual_end(ends: Sequence[str]) -> str:
    return max(("\n", "\r\n", "\r"), key=ends.count)


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
