"""Whether any file of a package holds a text."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from webjobs_rules.stop_plan import names_shutdown_file

_CHUNK_BYTES = 1024 * 1024


def mentions_shutdown_file(folder: Path, paths: Iterable[str]) -> bool:
    """Whether any of the files holds the name of the shutdown file's variable.

    A file that cannot be read counts as one that does not. Blocks for as long as reading takes.

    Args:
        folder: Of the package.
        paths: Of its files, relative to the folder.
    """
    return any(_mentions_shutdown_file(folder / path) for path in paths)


def _mentions_shutdown_file(path: Path) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return names_shutdown_file(iter(partial(file.read, _CHUNK_BYTES), b""))
    except OSError:
        return False
