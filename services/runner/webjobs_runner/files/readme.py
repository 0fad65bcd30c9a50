"""The first lines of the `README.md` of a job, for its page."""

import os
from collections.abc import Iterable
from pathlib import Path

MOST_LINES = 20
MOST_CHARACTERS = 2000

_NAME = "readme.md"


def readme_of(folder: Path, paths: Iterable[str]) -> str:
    """The first lines of the file of this name, in any case, at the top of a folder; empty without one.

    What is no UTF-8 text, or cannot be read, counts as none. Blocks for one short read.

    Args:
        folder: Of the version.
        paths: Of its regular files, relative to the folder.
    """
    name = next((path for path in sorted(paths) if path.lower() == _NAME), None)
    if name is None:
        return ""
    try:
        # Never through a link, and never waiting for a writer, should one have taken the file's place.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            return _first_lines(file.read(4 * MOST_CHARACTERS + 4))
    except OSError:
        return ""


def _first_lines(data: bytes) -> str:
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    if "\0" in text or "\ufffd" in text[:MOST_CHARACTERS]:
        return ""
    lines = text[:MOST_CHARACTERS].splitlines()
    return "\n".join(lines[:MOST_LINES]).strip()
