"""Files that macOS and Windows add to folders by themselves, and that are not meant to be deployed; pure."""

_FOLDERS = frozenset({"__macosx"})
_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_APPLE_DOUBLE = "._"  # holds what a macOS file system keeps of a file beside its content


def is_litter(path: str) -> bool:
    """Whether a path (relative, `/` between parts, a folder may end with `/`) is left out of packages."""
    names = path.removesuffix("/").lower().split("/")
    if not _FOLDERS.isdisjoint(names):
        return True
    return not path.endswith("/") and (names[-1] in _FILES or names[-1].startswith(_APPLE_DOUBLE))
