"""Unpacks the zip of a job as a server does, for commands that need no server."""

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from webjobs_rules.archive_entries import (
    MIB,
    ArchiveEntry,
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

_UPLOAD_LIMIT, _UNPACKED_LIMIT = ("WEBJOBS_UPLOAD_LIMIT_MB", 256), ("WEBJOBS_UNPACKED_LIMIT_MB", 1024)
_CHUNK = 256 * 1024  # bytes
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    ValueError,
    RuntimeError,
    OverflowError,
)


def unpack_archive(archive: Path, folder: Path, environ: Mapping[str, str]) -> list[LeftOut]:
    """Unpack a zip into an empty folder; returns what was left out.

    Args:
        archive: The zip.
        folder: Where its files go.
        environ: May name the limits of the server.

    Raises:
        BadUpload: A server would refuse it; part of it may be unpacked.
        OSError: It cannot be read, or the files cannot be written.
    """
    size, allowed = archive.stat().st_size, _limit(environ, _UPLOAD_LIMIT)
    if size > allowed:
        name, _ = _UPLOAD_LIMIT
        raise BadUpload(f"it is larger than the {allowed // MIB} MiB allowed, which {name} raises")
    limits = UploadLimits(unpacked_bytes=_limit(environ, _UNPACKED_LIMIT))
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
        left_out += faulty
        faults = {each.path for each in faulty}
        refuse_nothing([entry for entry in entries if entry.path not in faults], left_out)
        for entry in entries:
            if entry.kind is not EntryKind.LINK:
                _write(package, entry, folder / entry.path, budget)
        for path, target in links.items():
            if path not in faults:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.symlink(target, folder / path)
    return left_out


def _limit(environ: Mapping[str, str], setting: tuple[str, int]) -> int:
    name, default = setting
    given = environ.get(name, "")
    return (int(given) if given.isdecimal() and given.isascii() else default) * MIB


def _write(package: zipfile.ZipFile, entry: ArchiveEntry, place: Path, budget: Budget) -> None:
    if entry.kind is EntryKind.FOLDER:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    head = b""
    with open(place, "xb") as sink:
        for chunk in budget.guarded(entry, _chunks(package, entry)):
            head = head or chunk
            sink.write(chunk)
    is_program = head.startswith(PROGRAMS) if entry.executable is None else entry.executable
    place.chmod(0o755 if is_program else 0o644)


def _chunks(package: zipfile.ZipFile, entry: ArchiveEntry) -> Chunks:
    try:
        source = package.open(entry.info)  # type: ignore[arg-type]  # one of the infolist
    except _DAMAGE as fault:
        raise BadUpload(not_whole(fault)) from fault
    with source:
        while True:
            try:
                chunk = source.read(_CHUNK)
            except _DAMAGE as fault:
                raise BadUpload(not_whole(fault)) from fault
            if not chunk:
                return
            yield chunk
