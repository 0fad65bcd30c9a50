"""Aligned columns of text for people."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R")

_GAP = "  "
_DIM, _BOLD, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[0m"
_COLOURS = {"red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m", "blue": "\x1b[34m", "dim": _DIM}


class Column(NamedTuple, Generic[R]):
    """One column: its title, and the text and colour of a row in it."""

    title: str
    text: Callable[[R], str]
    colour: Callable[[R], str] | None = None
    """Returns the name of a colour, or an empty text."""


def printable(text: str) -> str:
    """The text on one line, without characters that steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_one_line(text: str) -> str:
    """A sentence of a server, its lines joined by spaces, without characters that steer a terminal."""
    return printable(" ".join(line.strip() for line in text.splitlines()))


def first_line(text: str) -> str:
    """The first line of a sentence of a server, for a cell of a table; `…` stands for what follows it."""
    first, *rest = text.strip().splitlines() or [""]
    return f"{first.rstrip(':')} …" if rest else first


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def table_lines(
    rows: Iterable[R], columns: Sequence[Column[R]], *, colours: bool, width: int | None
) -> list[str]:
    """The lines of a table with its titles, without their ends.

    Args:
        rows: One line each.
        columns: Left to right; nothing but the last one is ever cut.
        colours: Whether to write escape sequences.
        width: Cells of the terminal, to which the last column is cut; None for a file.
    """
    listed = list(rows)
    cells = [[printable(column.text(row)) for column in columns] for row in listed]
    widths = [
        max(width_of(text) for text in (column.title, *(line[index] for line in cells)))
        for index, column in enumerate(columns)
    ]
    room = None if width is None else width - sum(each + len(_GAP) for each in widths[:-1])
    lines = [_line([column.title for column in columns], widths, [_BOLD if colours else ""] * len(columns))]
    for row, texts in zip(listed, cells, strict=True):
        if room is not None and room >= len(columns[-1].title):
            texts = [*texts[:-1], cut(texts[-1], room)]
        names = [column.colour(row) if colours and column.colour else "" for column in columns]
        lines.append(_line(texts, widths, [_COLOURS.get(name, "") for name in names]))
    return lines


def cut(text: str, room: int) -> str:
    """The text, with `…` at its end when it takes more than `room` cells."""
    if width_of(text) <= room:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) > room - 1:
            break
        kept += character
    return f"{kept}…"


def painted(text: str, colour: str) -> str:
    """The text in a colour."""
    return f"{_COLOURS[colour]}{text}{_RESET}" if colour in _COLOURS and text else text


def _line(texts: Sequence[str], widths: Sequence[int], codes: Sequence[str]) -> str:
    cells = []
    for index, (text, width, code) in enumerate(zip(texts, widths, codes, strict=True)):
        padding = "" if index == len(texts) - 1 else " " * (width - width_of(text))
        cells.append(f"{code}{text}{_RESET}{padding}" if code and text else f"{text}{padding}")
    return _GAP.join(cells).rstrip()
