"""What is left out of a package, and the warnings that say so; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

_MOST_NAMED = 5
_LONGEST_NAME = 80  # characters


class Why(Enum):
    """Why something is left out: what one such thing is, and what several are."""

    OUTSIDE = "a link that leads out of the job's folder", "links that lead out of the job's folder"
    CIRCLE = "a link that leads in a circle", "links that lead in a circle"
    TARGET = "a link whose target is not a path", "links whose targets are not paths"
    SPECIAL = "a pipe, socket or device", "pipes, sockets or devices"
    LITTER = "a file that macOS or Windows added", "files that macOS or Windows added"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a folder or archive that does not become part of the package."""

    path: str
    why: Why


def left_out_warnings(left_out: Iterable[LeftOut]) -> list[str]:
    """Returns one sentence for each reason, which names the first few and counts all."""
    listed = list(left_out)
    return [
        _warning(why, paths) for why in Why if (paths := [item.path for item in listed if item.why is why])
    ]


def _warning(why: Why, paths: list[str]) -> str:
    one, several = why.value
    named = ", ".join(_shown(path) for path in paths[:_MOST_NAMED])
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"Left out {one if len(paths) == 1 else f'{len(paths)} {several}'}: {named}{more}."


def _shown(path: str) -> str:
    text = path.encode("utf-8", "backslashreplace").decode()
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
