"""How many warnings about a job its definition keeps, and how a header carries them; pure."""

from collections.abc import Iterable

MAX_WARNINGS_BYTES = 1200
"""Of all warnings of a deployment, and of all warnings of settings: events repeat them within 8 KB."""

HEADER = "Webjobs-Warning"
"""Name of the HTTP header that carries one warning; an answer has one for each."""

_LONGEST = 600  # characters of one warning
_MOST_IN_HEADERS = 10


def bounded_warnings(warnings: Iterable[str]) -> list[str]:
    """Returns each warning once, in order, shortened to what a definition keeps.

    The last one says how many did not fit, if any did not.
    """
    distinct = list(dict.fromkeys(_cut(each) for each in warnings if each))
    kept: list[str] = []
    free = MAX_WARNINGS_BYTES
    for warning in distinct:
        free -= len(warning.encode())
        if free < 0 and kept:
            return [*kept, f"{len(distinct) - len(kept)} more warnings are not shown."]
        kept.append(warning)
    return kept


def header_values(warnings: Iterable[str]) -> list[str]:
    r"""Returns the values of the headers for these warnings: ASCII, anything else as `\u` escapes."""
    listed = list(warnings)
    shown = listed[:_MOST_IN_HEADERS]
    if len(listed) > len(shown):
        shown.append(f"{len(listed) - len(shown)} more warnings are not shown.")
    return ["".join(map(_escaped, warning)) for warning in shown]


def _cut(warning: str) -> str:
    text = warning.encode("utf-8", "backslashreplace").decode()  # of a name that is not UTF-8
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _escaped(character: str) -> str:
    if " " <= character <= "~":
        return character
    return " " if character <= "\x7f" else character.encode("ascii", "backslashreplace").decode()
