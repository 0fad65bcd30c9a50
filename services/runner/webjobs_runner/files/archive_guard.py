"""Unpacks archives that strangers made: nothing leaves the target, nothing grows past its limits."""

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webjobs_runner.deploy_errors import BadUpload
from webjobs_runner.files.package import CHUNK_BYTES, make_folder, new_file

_MIB = 1024 * 1024
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others can need memory without bound
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_END_OF_ARCHIVE = b"PK\x05\x06"
_END_OF_LARGE_ARCHIVE = b"PK\x06\x06"
_END_BYTES = 22
_LONGEST_COMMENT_BYTES = 65_535
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, RuntimeError, OverflowError)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How far an upload may go.

    Attributes:
        unpacked_bytes: All files together.
        entries: Files and folders.
        compression_ratio: Unpacked to packed bytes, of an entry and of the whole archive.
        ratio_floor_bytes: What unpacks to less than this may have any ratio.
        path_bytes: The path of an entry.
        directory_bytes: The archive's table of contents, which is read as a whole.
    """

    unpacked_bytes: int = 1024 * _MIB
    entries: int = 20_000
    compression_ratio: int = 200
    ratio_floor_bytes: int = _MIB
    path_bytes: int = 1024
    directory_bytes: int = 16 * _MIB


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry whose path is safe."""

    path: str
    is_folder: bool
    executable: bool
    info: zipfile.ZipInfo


def unpack_upload(archive: Path, target: Path, limits: UploadLimits) -> None:
    r"""Unpack a zip into a folder, over the files that it holds already.

    Nothing is written before every entry's name and kind have been looked at. Sizes are counted while
    inflating, as headers may lie. `\` separates folders as `/` does. Executable bits of archives made on
    unix are kept; other permissions are not. What was written before a fault is left to the caller.

    Raises:
        BadUpload: Saying what to mend.
    """
    _check_end(archive, limits)
    try:
        opened = zipfile.ZipFile(archive)
    except _DAMAGE as fault:
        raise BadUpload(_not_whole(fault)) from fault
    with opened as package:
        items = _checked_items(package, limits)
        make_folder(target)
        budget = _Budget(limits, archive.stat().st_size)
        for item in items:
            _write(package, item, target, budget)


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


def _checked_items(package: zipfile.ZipFile, limits: UploadLimits) -> list[_Item]:
    infos = package.infolist()
    if len(infos) > limits.entries:
        raise BadUpload(f"it holds {len(infos)} entries, and {limits.entries} are allowed")
    if sum(info.file_size for info in infos) > limits.unpacked_bytes:
        raise BadUpload(_too_large(limits))
    items: list[_Item] = []
    files: set[str] = set()
    for info in infos:
        item = _item(info, limits)
        if item is None:
            continue
        if not item.is_folder:
            if item.path in files:
                raise BadUpload(f"it holds {_shown(item.path)} twice; keep one")
            files.add(item.path)
        items.append(item)
    for item in items:
        _refuse_file_as_folder(item, files)
    return items


def _item(info: zipfile.ZipInfo, limits: UploadLimits) -> _Item | None:
    name = info.orig_filename.replace("\\", "/")
    path = _safe_path(name, limits)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if info.header_offset < 0:
        raise BadUpload(_not_whole(EOFError("its beginning is missing")))
    if info.flag_bits & _ENCRYPTED:
        raise BadUpload(f"{_shown(name)} is encrypted; pack it without a password")
    if kind == stat.S_IFLNK:
        raise BadUpload(f"{_shown(name)} is a link; pack the file itself")
    if info.create_system == 3 and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadUpload(f"{_shown(name)} is a pipe, socket or device; pack only files")
    is_folder = name.endswith("/") or (kind == stat.S_IFDIR and info.file_size == 0)
    if info.compress_type not in _READABLE and not is_folder:
        raise BadUpload(f"{_shown(name)} is compressed by a method not supported; use deflate, as zip does")
    if not path and not is_folder:
        raise BadUpload(f"{_shown(name)} has no file name")
    return _Item(path, is_folder, bool(mode & 0o111), info) if path else None


def _safe_path(name: str, limits: UploadLimits) -> str:
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise BadUpload(f"the name {_shown(name)} holds a control character; rename the file")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
        raise BadUpload(f"{_shown(name)} leads out of the job's folder; pack with relative names")
    path = "/".join(parts)
    if len(path.encode()) > limits.path_bytes or any(len(part.encode()) > 255 for part in parts):
        raise BadUpload(f"the name {_shown(name)} is too long; shorten it")
    return path


def _refuse_file_as_folder(item: _Item, files: set[str]) -> None:
    above = item.path if item.is_folder else item.path.rpartition("/")[0]
    while above:
        if above in files:
            raise BadUpload(f"it holds {_shown(above)} both as a file and as a folder; rename one")
        above = above.rpartition("/")[0]


class _Budget:
    """Counts what was really unpacked, against the limits."""

    def __init__(self, limits: UploadLimits, archive_bytes: int) -> None:
        self._limits = limits
        self._archive_bytes = archive_bytes
        self._total = 0

    def spend(self, item: _Item, chunk_bytes: int, unpacked_of_item: int) -> None:
        """Take note of one more piece.

        Raises:
            BadUpload: It went past a limit.
        """
        self._total += chunk_bytes
        if self._total > self._limits.unpacked_bytes:
            raise BadUpload(_too_large(self._limits))
        ratio, floor = self._limits.compression_ratio, self._limits.ratio_floor_bytes
        swollen = unpacked_of_item > max(floor, ratio * item.info.compress_size)
        if swollen or self._total > max(floor, ratio * self._archive_bytes):
            reason = f"{_shown(item.path)} unpacks to more than {ratio} times its packed size"
            raise BadUpload(f"{reason}; store it uncompressed")


def _write(package: zipfile.ZipFile, item: _Item, target: Path, budget: _Budget) -> None:
    place = target / item.path
    folder = place if item.is_folder else place.parent
    for above in (folder, *folder.parents):
        if above == target:
            break
        if above.is_file():
            raise BadUpload(f"{_shown(item.path)} needs a folder where the job has a file")
    make_folder(folder)
    if item.is_folder:
        return
    if place.is_dir():
        raise BadUpload(f"{_shown(item.path)} is a folder in the job; remove it first")
    place.unlink(missing_ok=True)
    with new_file(place, item.executable) as sink:
        for chunk in _inflate(package, item, budget):
            sink.write(chunk)


def _inflate(package: zipfile.ZipFile, item: _Item, budget: _Budget) -> Iterator[bytes]:
    # The file's own writing is outside of the try: a full disk is no fault of the upload.
    unpacked = 0
    try:
        source = package.open(item.info)
    except _DAMAGE as fault:
        raise BadUpload(_not_whole(fault)) from fault
    with source:
        while True:
            try:
                chunk = source.read(CHUNK_BYTES)
            except _DAMAGE as fault:
                raise BadUpload(_not_whole(fault)) from fault
            if not chunk:
                break
            unpacked += len(chunk)
            budget.spend(item, len(chunk), unpacked)
            yield chunk
    if unpacked != item.info.file_size:
        raise BadUpload(f"{_shown(item.path)} is cut short; pack and send it again")


def _not_whole(fault: Exception) -> str:
    return (
        f"the zip archive is damaged or cut short ({str(fault)[:200] or type(fault).__name__}); send it again"
    )


def _too_large(limits: UploadLimits) -> str:
    allowed = f"{max(limits.unpacked_bytes // _MIB, 1)} MiB"
    return f"it unpacks to more than the {allowed} allowed; leave out what the job does not need"


def _shown(name: str) -> str:
    return repr(name[:100])
