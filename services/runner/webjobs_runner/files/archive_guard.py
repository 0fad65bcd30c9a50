"""Unpacks archives that strangers made: nothing leaves the target, nothing grows past its limits."""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut
from webjobs_rules.package_links import LONGEST_TARGET, fault_of_link

from webjobs_runner.files.archive_entries import (
    ArchiveEntry,
    EntryKind,
    UploadLimits,
    not_whole,
    read_entries,
    shown,
    too_large,
)
from webjobs_runner.files.package import CHUNK_BYTES, make_folder, new_file

_END_OF_ARCHIVE = b"PK\x05\x06"
_END_OF_LARGE_ARCHIVE = b"PK\x06\x06"
_END_BYTES = 22
_LONGEST_COMMENT_BYTES = 65_535
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    ValueError,
    RuntimeError,
    OverflowError,
)
_PROGRAMS = (b"#!", b"\x7fELF")
_MOST_NAMED = 5


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
    _check_end(archive, limits)
    try:
        opened = zipfile.ZipFile(archive)
    except _DAMAGE as fault:
        raise BadUpload(not_whole(fault)) from fault
    with opened as package:
        entries, left_out = read_entries(package, limits)
        budget = _Budget(limits, archive.stat().st_size)
        links = {
            entry.path: _target(package, entry, budget) for entry in entries if entry.kind is EntryKind.LINK
        }
        faults = {path: why for path in links if (why := fault_of_link(path, links))}
        left_out += [LeftOut(path, why) for path, why in faults.items()]
        placed = [entry for entry in entries if entry.path not in faults]
        if not may_be_empty and all(entry.kind is EntryKind.FOLDER for entry in placed):
            raise BadUpload(_nothing_in_it(entries, left_out))
        make_folder(target)
        for entry in entries:
            if entry.kind is not EntryKind.LINK:
                _write(package, entry, target, budget)
        for path, link in links.items():
            if path not in faults:
                _free_place(path, target)
                os.symlink(link, target / path)
    return left_out


def _check_end(archive: Path, limits: UploadLimits) -> None:
    """Refuse what has no end record, or so large a directory that reading it would be the attack."""
    with open(archive, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT_BYTES - 96))
        tail = file.read()
    at = tail.rfind(_END_OF_ARCHIVE)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise BadUpload("it is not a zip archive, or it is cut short; pack and send it again")
    (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
    large = tail.rfind(_END_OF_LARGE_ARCHIVE, 0, at)
    if large >= 0 and at - large >= 56:  # such an archive says 0xFFFFFFFF in the small record
        (directory_bytes,) = struct.unpack_from("<Q", tail, large + 40)
    if directory_bytes > limits.directory_bytes:
        raise BadUpload(f"it lists more entries than the {limits.entries} allowed, or far too long names")


def _nothing_in_it(entries: list[ArchiveEntry], left_out: list[LeftOut]) -> str:
    names = [*(entry.path for entry in entries), *(item.path for item in left_out)]
    if not names:
        return "the archive is empty; pack the files of the job"
    named = ", ".join(map(shown, names[:_MOST_NAMED])) + (" and more" if len(names) > _MOST_NAMED else "")
    return f"the archive holds no file that can be deployed, only {named}; pack the files of the job"


class _Budget:
    """Counts what was really unpacked, against the limits."""

    def __init__(self, limits: UploadLimits, archive_bytes: int) -> None:
        self._limits = limits
        self._archive_bytes = archive_bytes
        self._total = 0

    def spend(self, entry: ArchiveEntry, chunk_bytes: int, unpacked_of_entry: int) -> None:
        """Take note of one more piece.

        Raises:
            BadUpload: It went past a limit.
        """
        self._total += chunk_bytes
        if self._total > self._limits.unpacked_bytes:
            raise BadUpload(too_large(self._limits))
        ratio, floor = self._limits.compression_ratio, self._limits.ratio_floor_bytes
        swollen = unpacked_of_entry > max(floor, ratio * entry.info.compress_size)
        if swollen or self._total > max(floor, ratio * self._archive_bytes):
            reason = f"{shown(entry.path)} unpacks to more than {ratio} times its packed size"
            raise BadUpload(f"{reason}; store it uncompressed")


def _target(package: zipfile.ZipFile, entry: ArchiveEntry, budget: _Budget) -> str:
    """What a link leads to; one that is too long to be a path is cut, and left out later."""
    target = b""
    for chunk in _inflate(package, entry, budget):
        target += chunk
        if len(target) > LONGEST_TARGET:
            break
    return target.decode("utf-8", "surrogateescape")


def _write(package: zipfile.ZipFile, entry: ArchiveEntry, target: Path, budget: _Budget) -> None:
    if entry.kind is EntryKind.FOLDER:
        _check_above(f"{entry.path}/", target)
        make_folder(target / entry.path)
        return
    _free_place(entry.path, target)
    place = target / entry.path
    head = b""
    with new_file(place, bool(entry.executable)) as sink:
        for chunk in _inflate(package, entry, budget):
            head = head or chunk
            sink.write(chunk)
    if entry.executable is None and head.startswith(_PROGRAMS):
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


def _inflate(package: zipfile.ZipFile, entry: ArchiveEntry, budget: _Budget) -> Iterator[bytes]:
    # The file's own writing is outside of the try: a full disk is no fault of the upload.
    unpacked = 0
    try:
        source = package.open(entry.info)
    except _DAMAGE as fault:
        raise BadUpload(not_whole(fault)) from fault
    with source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except _DAMAGE as fault:
                raise BadUpload(not_whole(fault)) from fault
            if not chunk:
                break
            unpacked += len(chunk)
            budget.spend(entry, len(chunk), unpacked)
            yield chunk
    if unpacked != entry.info.file_size:
        raise BadUpload(f"{shown(entry.path)} is cut short; pack and send it again")
