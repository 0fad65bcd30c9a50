"""Describes a file or folder from its status in the file system."""

import os
import stat
from pathlib import Path

from webjobs_events.files import FileInfo, Kind

from webjobs_runner.domain.site_path import SitePath


def info_of(root: Path, path: SitePath, status: os.stat_result) -> FileInfo:
    """Returns the facts about a path of the site folder `root`; bytes that are not text are replaced."""
    names = [as_text(name) for name in path]
    kind = _kind(status.st_mode)
    return FileInfo(
        name=names[-1] if names else "",
        kind=kind,
        size=status.st_size if kind is Kind.FILE else 0,
        modified_ns=status.st_mtime_ns,
        created_ns=min(status.st_mtime_ns, status.st_ctime_ns),
        etag=etag_of(status) if kind is Kind.FILE else "",
        path="/".join([as_text(str(root)), *names]),
    )


def etag_of(status: os.stat_result) -> str:
    """Another one after each change: no two versions share instant, size and inode."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def as_text(name: str) -> str:
    """A name as the system gave it, fit for a message; bytes that are no UTF-8 are replaced."""
    return os.fsencode(name).decode("utf-8", "replace")


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER
