"""Unpacks an untrusted zip, in the one order that is safe; what opens it and what writes is given. Pure.

Nothing is written before every entry's name and kind have been checked. Sizes are counted while inflating,
as headers may lie. Links that stay inside are written last, so that no file is written through one. What
was written before a fault is left to the caller.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import chain
from typing import IO, Any, Protocol

from webjobs_rules.archive_entries import (
    ArchiveEntry,
    EntryInfo,
    EntryKind,
    UploadLimits,
    not_whole,
    read_entries,
)
from webjobs_rules.archive_guard import (
    PROGRAMS,
    TAIL_BYTES,
    Budget,
    Chunks,
    check_end,
    links_left_out,
    refuse_nothing,
)
from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut

_CHUNK_BYTES = 256 * 1024
_DAMAGE = (zlib.error, EOFError, struct.error, ValueError, RuntimeError, OverflowError)
_END = 2  # what `seek` counts from


class OpenZip(Protocol):
    """What is used of `zipfile.ZipFile`."""

    def infolist(self) -> Sequence[EntryInfo]:
        """Returns the entries of the table of contents, in its order."""
        ...

    def open(self, name: Any, /) -> IO[bytes]:
        """Returns the content of an entry, to be read."""
        ...

    def close(self) -> None:
        """Close the archive, and not the file that it is read from."""
        ...


class Writer(Protocol):
    """Makes folders, files and links below one folder. Paths are relative to it, and safe."""

    def begin(self) -> None:
        """Make the folder itself, if it is missing: all names have been checked."""
        ...

    def write_folder(self, path: str) -> None:
        """Make a folder, if it is missing."""
        ...

    def write_file(self, path: str, content: Iterable[bytes], *, executable: bool) -> None:
        """Make a file, and the folders above it.

        Raises:
            BadUpload: Of `content`: the archive is damaged, or goes past a limit.
        """
        ...

    def write_link(self, path: str, target: str) -> None:
        """Make a symbolic link, and the folders above it."""
        ...


def unpack(
    archive: IO[bytes],
    writer: Writer,
    limits: UploadLimits,
    *,
    open_zip: Callable[[IO[bytes]], OpenZip],
    bad_zip: type[Exception],
    may_be_empty: bool = False,
) -> list[LeftOut]:
    r"""Unpack a zip; returns what was left out.

    `\` separates folders as `/` does. Executable bits of archives made on unix are kept; of other archives,
    files that begin as programs do are made executable.

    Args:
        archive: Open for reading and seeking.
        writer: What makes the files.
        limits: How far the archive may go.
        open_zip: `zipfile.ZipFile`.
        bad_zip: `zipfile.BadZipFile`.
        may_be_empty: Whether an archive without a file will do.

    Raises:
        BadUpload: With what to fix.
    """
    size = archive.seek(0, _END)
    archive.seek(max(0, size - TAIL_BYTES))
    check_end(archive.read(), limits)
    damage = (bad_zip, *_DAMAGE)
    try:
        package = open_zip(archive)
    except damage as fault:
        raise BadUpload(not_whole(fault)) from fault
    with closing(package):
        entries, left_out = read_entries(package.infolist(), limits)
        budget = Budget(limits, size)

        def content_of(entry: ArchiveEntry) -> Chunks:
            return _chunks(package, entry, damage)

        links = {
            entry.path: budget.link_target(entry, content_of(entry))
            for entry in entries
            if entry.kind is EntryKind.LINK
        }
        faulty = links_left_out(links)
        left_out += faulty
        faults = {each.path for each in faulty}
        if not may_be_empty:
            refuse_nothing([entry for entry in entries if entry.path not in faults], left_out)
        writer.begin()
        for entry in entries:
            if entry.kind is EntryKind.FOLDER:
                writer.write_folder(entry.path)
            elif entry.kind is EntryKind.FILE:
                _write_file(writer, entry, budget.guarded(entry, content_of(entry)))
        for path, target in links.items():
            if path not in faults:
                writer.write_link(path, target)
        return left_out


def _write_file(writer: Writer, entry: ArchiveEntry, content: Chunks) -> None:
    with closing(content):
        head = next(content, b"")
        executable = head.startswith(PROGRAMS) if entry.executable is None else entry.executable
        writer.write_file(entry.path, chain([head], content), executable=executable)


def _chunks(package: OpenZip, entry: ArchiveEntry, damage: tuple[type[Exception], ...]) -> Chunks:
    # The writing itself is outside of the try: a full disk is no fault of the upload.
    try:
        source = package.open(entry.info)
    except damage as fault:
        raise BadUpload(not_whole(fault)) from fault
    with source:
        while True:
            try:
                chunk = source.read(_CHUNK_BYTES)
            except damage as fault:
                raise BadUpload(not_whole(fault)) from fault
            if not chunk:
                return
            yield chunk
