"""Whether any file of a package holds a text."""

from collections.abc import Iterable
from pathlib import Path

from webjobs_rules.stop_plan import SHUTDOWN_FILE_BYTES

_CHUNK_BYTES = 1024 * 1024


def mentions_shutdown_file(folder: Path, paths: Iterable[str]) -> bool:
    """Whether any of the files holds the name of the shutdown file's variable.

    A file that cannot be read counts as one that does not. Blocks for as long as reading takes.

    Args:
        folder: Of the package.
        paths: Of its files, relative to the folder.
    """
    return any(_holds(folder / path, SHUTDOWN_FILE_BYTES) for path in paths)


def _holds(path: Path, wanted: tuple[bytes, ...]) -> bool:
    overlap = max(map(len, wanted)) - 1
    tail = b""
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                data = tail + chunk
                if any(each in data for each in wanted):
                    return True
                tail = data[-overlap:]
    except OSError:
        return False
    return False
