"""The arguments of a run: their limit, and how their text becomes the list that a process is given; pure."""

import re

from webjobs_rules.errors import InvalidArguments

MAX_ARGUMENTS_BYTES = 32 * 1024
"""Of the text in UTF-8. The kernel takes 128 KiB in one argument or variable; a message carries less."""

_LONGEST_CHARACTER = 4  # bytes

# One piece of a word. No part of a text matches two of them, and none gives back what it took, so that a
# text is read once from its beginning to its end.
_PIECE = re.compile(
    r"""(?P<space>[ \t\r\n]++)"""
    r"""|(?P<plain>[^ \t\r\n'"\\]++)"""
    r"""|'(?P<single>[^']*+)'"""
    r"""|"(?P<double>[^"\\]*+(?:\\.[^"\\]*+)*+)\""""
    r"""|\\(?P<escaped>.)""",
    re.DOTALL,
)
_ESCAPED_IN_QUOTES = re.compile(r'\\(["\\])')
_UNFINISHED = re.compile(r'"?[^"\\]*+(?:\\.[^"\\]*+)*+\\', re.DOTALL)


def split_arguments(text: str) -> list[str]:
    r"""Split as a POSIX shell would, without expanding or running anything; takes time linear in the length.

    `a "b c" d\ e` gives three arguments; `$HOME`, `*` and `;` stay as they are written.

    Raises:
        InvalidArguments: The text is too long, holds a NUL or half a character, has a quote that is not
            closed, or ends in a back-slash.
    """
    _check_characters(text)
    words: list[str] = []
    pieces: list[str] | None = None  # of the word that is being read; None between words
    position = 0
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            raise InvalidArguments(_what_is_missing(text, position))
        position, kind = match.end(), match.lastgroup or ""
        if kind != "space":
            piece = match[kind]
            pieces = [] if pieces is None else pieces
            pieces.append(_ESCAPED_IN_QUOTES.sub(r"\1", piece) if kind == "double" else piece)
        elif pieces is not None:
            words.append("".join(pieces))
            pieces = None
    return words if pieces is None else [*words, "".join(pieces)]


def check_arguments(text: str | None) -> str | None:
    """The arguments of a run as given; None when there are none.

    Raises:
        InvalidArguments: No process can be given them.
    """
    if text is None or not split_arguments(text):
        return None
    return text


def bounded_arguments(text: str | None) -> str | None:
    """The arguments, cut when they are too long. What is left is still too long, so that it is refused."""
    if text is None:
        return None
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_ARGUMENTS_BYTES:
        return text
    return encoded[: MAX_ARGUMENTS_BYTES + _LONGEST_CHARACTER].decode("utf-8", "ignore")


def too_long() -> InvalidArguments:
    """The error for arguments above the limit."""
    return InvalidArguments(
        f"they have more than {MAX_ARGUMENTS_BYTES:,} bytes in UTF-8, which is the limit; use a file"
    )


def _check_characters(text: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeError as error:
        raise InvalidArguments("they are not UTF-8 text") from error
    if size > MAX_ARGUMENTS_BYTES:
        raise too_long()
    if "\0" in text:
        raise InvalidArguments("they hold a NUL character, which no process can be given")


def _what_is_missing(text: str, position: int) -> str:
    """Why nothing matches here: only a quote or a back-slash without what belongs to it is left."""
    if text[position] != "'" and _UNFINISHED.fullmatch(text, position):
        return "they end in a lone back-slash; double it to mean the character"
    return "a quote is not closed; close it, or write a back-slash before it to mean the character"
