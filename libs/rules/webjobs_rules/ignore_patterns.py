"""Patterns of `.webjobsignore`, in the syntax of gitignore: which paths of a folder are left out; pure.

Source: gitignore(5), section "Pattern format".
"""

import re
from collections.abc import Iterable

import msgspec

IGNORE_FILE = ".webjobsignore"

LITTER = ("__MACOSX/", "._*", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave in folders."""

DEFAULT_PATTERNS = (
    ".git/",
    ".webjobs/",
    ".venv/",
    "venv/",
    "__pycache__/",
    ".mypy_cache/",
    ".pytest_cache/",
    "*.pyc",
    ".env",
    "/.webjobsignore",
    *LITTER,
)
"""What is left out of a package unless a later pattern names it (`!.env`)."""


class Pattern(msgspec.Struct, frozen=True):
    """One pattern.

    Attributes:
        text: As it is written.
        regex: Matches whole paths.
        is_negated: Whether what it matches is taken in again.
        only_folders: Whether it matches folders alone.
    """

    text: str
    regex: re.Pattern[str]
    is_negated: bool
    only_folders: bool


class IgnorePatterns:
    """Patterns in their order: the last one that matches a path decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [pattern for line in lines if (pattern := pattern_of(line)) is not None]

    def leaves_out(self, path: str, *, is_folder: bool) -> bool:
        """Returns whether a path is left out. What is in a folder that is left out is not asked about."""
        return next(
            (
                not pattern.is_negated
                for pattern in reversed(self._patterns)
                if (is_folder or not pattern.only_folders) and pattern.regex.fullmatch(path)
            ),
            False,
        )


def pattern_of(line: str) -> Pattern | None:
    """Returns the pattern of a line; None for an empty line and a comment."""
    text = line.rstrip("\r\n")
    while text.endswith((" ", "\t")) and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    is_negated = text.startswith("!")
    glob = text.removeprefix("!")
    only_folders = glob.endswith("/")
    glob = glob.rstrip("/")
    if not glob:
        return None
    is_anchored = "/" in glob  # a slash at its beginning or in it; without one it matches at any depth
    anywhere = "" if is_anchored else "(?:.*/)?"
    return Pattern(
        text, re.compile(anywhere + _regex(glob.removeprefix("/")), re.DOTALL), is_negated, only_folders
    )


def _regex(glob: str) -> str:
    found, at = "", 0
    while at < len(glob):
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            found, at = found + "(?:.*/)?", at + 3
        elif glob.startswith("/**", at) and at + 3 == len(glob):
            found, at = found + "/.+", at + 3
        elif glob[at] == "*":
            found, at = found + "[^/]*", at + 1
        elif glob[at] == "?":
            found, at = found + "[^/]", at + 1
        elif glob[at] == "[" and (end := _end_of_class(glob, at)):
            found, at = found + _class(glob[at + 1 : end]), end + 1
        else:
            at += 1 if glob[at] == "\\" and at + 1 < len(glob) else 0
            found, at = found + re.escape(glob[at]), at + 1
    return found


def _end_of_class(glob: str, at: int) -> int:
    """Returns where the bracket that opens at a place is closed; 0 when it is not."""
    first = at + 2 if glob[at + 1 : at + 2] in ("!", "^") else at + 1
    return max(0, glob.find("]", first + 1))


def _class(inside: str) -> str:
    negated = inside.startswith(("!", "^"))
    members = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[1:] if negated else inside)
    return f"(?!/)[{'^' if negated else ''}{members}]"
