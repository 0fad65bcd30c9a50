"""Unpacks archives that strangers made: nothing leaves the target, nothing grows past its limits."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

from webjobs_rules.archive_entries import (
    ArchiveEntry,
    EntryKind,
    UploadLimits,
    not_whole,
    read_entries,
    shown,
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

from webjobs_runner.files.package import CHUNK_BYTES, make_folder, new_file

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    ValueError,
    RuntimeError,
    OverflowError,
)


def unpack_upload(
    archive: Path, target: Path, limits: UploadLimits, *, may_be_empty: bool = False
) -> list[LeftOut]:
    r"""Unpack a zip into a folder, over the files that it holds already; returns what was left out.

    Nothing is written before every entry's name and kind have been checked. Sizes are counted while
    inflating, as headers may lie. `\` separates folders as `/` does. Executable bits of archives made on
    unix are kept; of other archives, files that begin as programs do are made executable. Links that stay
    inside are written last, so that no file is written through one. What was written before a fault is
    left to the caller.

    Args:
        archive: The upload.
        target: The folder; it is created when it is missing.
        limits: How far it may go.
        may_be_empty: Whether an archive without a file will do.

    Raises:
        BadUpload: With what to fix.
    """
    size = archive.stat().st_size
    with open(archive, "rb") as file:
        file.seek(max(0, size - TAIL_BYTES))
        check_end(file.read(), limits)
    try:
        opened = zipfile.ZipFile(archive)
    except _DAMAGE as fault:
        raise BadUpload(not_whole(fault)) from fault
    with opened as package:
        entries, left_out = read_entries(package.infolist(), limits)
        budget = Budget(limits, size)
        links = {
            entry.path: budget.link_target(entry, _chunks(package, entry))
            for entry in entries
            if entry.kind is EntryKind.LINK
        }
        faulty = links_left_out(links)
        faults = {each.path for each in faulty}
        left_out += faulty
        if not may_be_empty:
            refuse_nothing([entry for entry in entries if entry.path not in faults], left_out)
        make_folder(target)
        for entry in entries:
            if entry.kind is not EntryKind.LINK:
                _write(package, entry, target, budget)
        for path, link in links.items():
            if path not in faults:
                _free_place(path, target)
                os.symlink(link, target / path)
    return left_out


def _write(package: zipfile.ZipFile, entry: ArchiveEntry, target: Path, budget: Budget) -> None:
    if entry.kind is EntryKind.FOLDER:
        _check_above(f"{entry.path}/", target)
        make_folder(target / entry.path)
        return
    _free_place(entry.path, target)
    place = target / entry.path
    head = b""
    with new_file(place, bool(entry.executable)) as sink:
        for chunk in budget.guarded(entry, _chunks(package, entry)):
            head = head or chunk
            sink.write(chunk)
    if entry.executable is None and head.startswith(PROGRAMS):
        place.chmod(0o755)


def _free_place(path: str, target: Path) -> None:
    """Make the folders above a path, and remove a file or link that is in its place.

    Raises:
        BadUpload: A folder is in its place, or a file or link where a folder is needed.
    """
    _check_above(path, target)
    place = target / path
    make_folder(place.parent)
    if place.is_dir() and not place.is_symlink():
        raise BadUpload(f"{shown(path)} is a folder in the job; remove it first")
    place.unlink(missing_ok=True)


def _check_above(path: str, target: Path) -> None:
    above = path.rpartition("/")[0]
    while above:
        place = target / above
        if place.is_symlink() or place.is_file():
            found = "link" if place.is_symlink() else "file"
            raise BadUpload(f"{shown(path.removesuffix('/'))} needs a folder where the job has a {found}")
        above = above.rpartition("/")[0]


def _chunks(package: zipfile.ZipFile, entry: ArchiveEntry) -> Chunks:
    # The file's own writing is outside of the try: a full disk is no fault of the upload.
    try:
        source = package.open(entry.info)  # type: ignore[arg-type]  # one of the infolist
    except _DAMAGE as fault:
        raise BadUpload(not_whole(fault)) from fault
    with source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except _DAMAGE as fault:
                raise BadUpload(not_whole(fault)) from fault
            if not chunk:
                return
            yield chunk
