"""Text with the escape sequences of terminals, as pieces with the names of their styles; pure.

No markup is made here. Styles are names from a fixed list (`ansi-bold`, `ansi-red`, `ansi-on-red`): colours
beyond the sixteen of a terminal become the nearest of those.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec
from webjobs_rules.terminal_text import ESCAPE, SIGNS

_NAMES: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLOURS: Final = (*_NAMES, *(f"bright-{name}" for name in _NAMES))
_SHADES: Final = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
    (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
    (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip
_CUBE: Final = (0, 95, 135, 175, 215, 255)
_STYLES: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "strike"}
_ENDS: Final = {
    22: ("bold", "dim"),
    23: ("italic",),
    24: ("underline",),
    27: ("inverse",),
    28: ("hidden",),
    29: ("strike",),
}


class Segment(msgspec.Struct, frozen=True):
    """A piece of a line in one style.

    Attributes:
        text: Visible text.
        styles: Names of CSS classes, from a fixed list.
    """

    text: str
    styles: tuple[str, ...]


def segments(line: str) -> tuple[Segment, ...]:
    """Returns the visible text of a line, cut where its style changes; no piece is empty."""
    style = _Style()
    names: tuple[str, ...] = ()
    found: list[Segment] = []
    held: list[str] = []  # in one style; joined once, so that many pieces cost no more than few
    for text, codes in _parts(line):
        if text:
            if style.names != names:
                found += _segment(held, names)
                names, held = style.names, []
            held.append(text)
        if codes is not None:
            style.change(codes)
    return (*found, *_segment(held, names))


def _parts(line: str) -> Iterator[tuple[str, str | None]]:
    """Pieces between escape sequences, each with the codes for the style of what follows, if any."""
    at = 0
    for escape in ESCAPE.finditer(line):
        yield line[at : escape.start()], escape[1]
        at = escape.end()
    yield line[at:], None


def _segment(parts: list[str], names: tuple[str, ...]) -> list[Segment]:
    """A piece of visible text; none when it is empty."""
    text = "".join(parts).translate(SIGNS)
    return [Segment(text, names)] if text else []


class _Style:
    """The style of what comes next."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        """Of its classes."""
        self._set: set[str] = set()
        self._colour = ""
        self._ground = ""

    def change(self, parameters: str) -> None:
        """Apply the codes of one escape sequence; unknown ones change nothing."""
        codes = [int(each) if each and len(each) < 4 else 0 for each in re.split("[;:]", parameters)]
        at = 0
        while at < len(codes):
            code = codes[at]
            if code in (38, 48):
                colour, used = _extended(codes[at + 1 :])
                at += used
                if code == 38:
                    self._colour = colour or self._colour
                else:
                    self._ground = colour or self._ground
            else:
                self._apply(code)
            at += 1
        names = [*sorted(self._set), self._colour, f"on-{self._ground}" if self._ground else ""]
        self.names = tuple(f"ansi-{name}" for name in names if name)

    def _apply(self, code: int) -> None:
        if code == 0:
            self._set, self._colour, self._ground = set(), "", ""
        elif code in _STYLES:
            self._set.add(_STYLES[code])
        elif code in _ENDS:
            self._set.difference_update(_ENDS[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self._colour = _COLOURS[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            self._ground = _COLOURS[code - 40 if code < 100 else code - 92]
        elif code == 39:
            self._colour = ""
        elif code == 49:
            self._ground = ""


def _extended(codes: list[int]) -> tuple[str, int]:
    """The colour after 38 or 48, empty when it is none, and how many codes name it."""
    if codes[:1] == [5] and len(codes) > 1:
        return (_of_palette(codes[1]) if codes[1] < 256 else ""), 2
    if codes[:1] == [2] and len(codes) > 3:
        return _nearest(*(min(each, 255) for each in codes[1:4])), 4
    return "", len(codes)


def _of_palette(number: int) -> str:
    """The nearest colour to one of the 256 of later terminals."""
    if number < len(_COLOURS):
        return _COLOURS[number]
    if number < 232:
        red, rest = divmod(number - 16, 36)
        green, blue = divmod(rest, 6)
        return _nearest(_CUBE[red], _CUBE[green], _CUBE[blue])
    return _nearest(*(3 * (8 + 10 * (number - 232),)))


@lru_cache(maxsize=1024)
def _nearest(red: int, green: int, blue: int) -> str:
    def distance(shade: tuple[int, int, int]) -> int:
        return (shade[0] - red) ** 2 + (shade[1] - green) ** 2 + (shade[2] - blue) ** 2

    return _COLOURS[min(range(len(_SHADES)), key=lambda each: distance(_SHADES[each]))]
