"""Which known name was meant by one that is not known; pure."""

import difflib
from collections.abc import Iterable

_LONGEST = 64  # characters; what is longer is no slip of the pen, and comparing it takes long
_ALIKE = 0.6  # of 1, for names that are alike
_LEAST_FOR_ONE_EDIT, _LEAST_FOR_TWO = 4, 6  # letters of a name


def closest_name(written: str, known: Iterable[str], *, is_refused: bool = False) -> str | None:
    """Returns the known name that differs in case, separators or a few letters; None when there is none.

    Up to two edits (a letter more, less, another, or two exchanged) count, fewer in short names. With
    `is_refused`, of a name that no one can use, one that is only alike counts too, such as an abbreviation.
    """
    plain = _plain(written)
    names = list(known)
    if written in names or not plain:
        return None
    for name in names:
        if _plain(name) == plain:
            return name
    distances = {name: _edits(plain, _plain(name)) for name in names}
    near = [name for name in names if distances[name] <= _allowed(len(_plain(name)))]
    closest = min(near, key=lambda name: distances[name], default=None)
    return _alike(written, names) if closest is None and is_refused else closest


def _alike(written: str, names: list[str]) -> str | None:
    if len(written) > _LONGEST:
        return None
    by_lower = {each.lower(): each for each in names}
    close = difflib.get_close_matches(written.lower(), by_lower, n=1, cutoff=_ALIKE)
    return by_lower[close[0]] if close else None


def _allowed(letters: int) -> int:
    return 2 if letters >= _LEAST_FOR_TWO else int(letters >= _LEAST_FOR_ONE_EDIT)


def _plain(name: str) -> str:
    return "".join(character for character in name[:100].lower() if character not in "_-. ")


def _edits(one: str, other: str) -> int:
    """Edits from one text to another, two neighbours exchanged counting as one (optimal string alignment)."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row, before_above = row, [i], before
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before_above[j - 2] + 1)
            row.append(cost)
        before = above
    return row[-1]
