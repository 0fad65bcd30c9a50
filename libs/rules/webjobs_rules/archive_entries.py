"""The table of contents of an untrusted zip → what is to be unpacked, or a refusal; pure.

Runners unpack with these rules what is deployed, and the command line what it checks or runs.
"""

import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut, Why
from webjobs_rules.litter import is_litter

MIB = 1024 * 1024
_READABLE = (0, 8)  # stored, deflated (APPNOTE.TXT, 4.4.5); others can need memory without bound
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # "Info-ZIP Unicode Path Extra Field" of APPNOTE.TXT, 4.6.9
_UNIX = frozenset({3, 19})  # "made by": unix, macOS; of others the upper half of the attributes means nothing
_DOS_FOLDER = 0x10
_DRIVE = re.compile(r"[A-Za-z]:")


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

    unpacked_bytes: int = 1024 * MIB
    entries: int = 20_000
    compression_ratio: int = 200
    ratio_floor_bytes: int = MIB
    path_bytes: int = 1024
    directory_bytes: int = 16 * MIB


class EntryInfo(Protocol):
    """What `zipfile.ZipInfo` says about an entry."""

    orig_filename: str
    external_attr: int
    create_system: int
    flag_bits: int
    compress_type: int
    compress_size: int
    file_size: int
    header_offset: int
    extra: bytes


class EntryKind(Enum):
    """What an entry becomes."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """An entry whose path is safe.

    `executable` is None when the archive does not say it.
    """

    path: str
    kind: EntryKind
    executable: bool | None
    info: EntryInfo


def read_entries(
    infos: Sequence[EntryInfo], limits: UploadLimits
) -> tuple[list[ArchiveEntry], list[LeftOut]]:
    """Returns what is to be unpacked, and what is left out; links are not yet followed.

    Raises:
        BadUpload: An entry is not safe, or there are too many.
    """
    if len(infos) > limits.entries:
        raise BadUpload(f"it holds {len(infos)} entries, and {limits.entries} are allowed")
    if sum(info.file_size for info in infos) > limits.unpacked_bytes:
        raise BadUpload(too_large(limits))
    has_modes = any(_unix_mode(info) for info in infos)
    entries: list[ArchiveEntry] = []
    left_out: list[LeftOut] = []
    for info in infos:
        found = _entry(info, limits, has_modes)
        if isinstance(found, LeftOut):
            left_out.append(found)
        elif found is not None:
            entries.append(found)
    _refuse_contradictions(entries)
    return entries, left_out


def entry_name(info: EntryInfo) -> str:
    """An entry's name as its maker meant it, `/` between parts.

    The field for Unicode names counts first, if it belongs to the name, then UTF-8 with or without the
    flag, then code page 437. Letters stay as they are composed.
    """
    if info.flag_bits & _UTF8_FLAG:
        raw, name = info.orig_filename.encode(), info.orig_filename
    else:
        raw = info.orig_filename.encode("cp437")
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            name = info.orig_filename
    return (_unicode_name(info.extra, raw) or name).replace("\\", "/")


def shown(name: str) -> str:
    """A name for an error text."""
    return repr(name[:100])


def too_large(limits: UploadLimits) -> str:
    """That an archive unpacks to more than is allowed."""
    allowed = f"{max(limits.unpacked_bytes // MIB, 1)} MiB"
    return f"it unpacks to more than the {allowed} allowed; leave out what the job does not need"


def not_whole(fault: Exception) -> str:
    """That an archive cannot be read to its end."""
    return (
        f"the zip archive is damaged or cut short ({str(fault)[:200] or type(fault).__name__}); send it again"
    )


def _unicode_name(extra: bytes, raw_name: bytes) -> str | None:
    """The name in the field for Unicode names; None without one that belongs to this name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind != _UNICODE_PATH or len(data) < 5 or data[0] != 1:
            continue
        if struct.unpack_from("<L", data, 1)[0] == zlib.crc32(raw_name):
            try:
                return data[5:].decode()
            except UnicodeDecodeError:
                return None
    return None


def _unix_mode(info: EntryInfo) -> int:
    """An entry's mode on unix; 0 when it was made elsewhere."""
    return info.external_attr >> 16 if info.create_system in _UNIX else 0


def _entry(info: EntryInfo, limits: UploadLimits, has_modes: bool) -> ArchiveEntry | LeftOut | None:
    name = entry_name(info)
    path = _safe_path(name, limits)
    if info.header_offset < 0:
        raise BadUpload(not_whole(EOFError("its beginning is missing")))
    kind = _kind(info, name)
    if is_litter(f"{path}/" if kind is EntryKind.FOLDER else path):
        return None if kind is EntryKind.FOLDER else LeftOut(path, Why.LITTER)
    if kind is None:
        return LeftOut(path, Why.SPECIAL)
    if info.flag_bits & _ENCRYPTED:
        raise BadUpload(f"{shown(name)} is encrypted; pack it without a password")
    if info.compress_type not in _READABLE and kind is not EntryKind.FOLDER:
        raise BadUpload(f"{shown(name)} is compressed by a method not supported; use deflate, as zip does")
    if not path and kind is not EntryKind.FOLDER:
        raise BadUpload(f"{shown(name)} has no file name")
    executable = bool(_unix_mode(info) & 0o111) if has_modes else None
    return ArchiveEntry(path, kind, executable, info) if path else None


def _kind(info: EntryInfo, name: str) -> EntryKind | None:
    """None for what no package carries."""
    mode = stat.S_IFMT(_unix_mode(info))
    if mode == stat.S_IFLNK:
        return EntryKind.LINK
    is_dos_folder = info.create_system not in _UNIX and info.external_attr & _DOS_FOLDER
    if name.endswith("/") or ((mode == stat.S_IFDIR or is_dos_folder) and info.file_size == 0):
        return EntryKind.FOLDER
    return EntryKind.FILE if mode in (0, stat.S_IFREG, stat.S_IFDIR) else None


def _safe_path(name: str, limits: UploadLimits) -> str:
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise BadUpload(f"the name {shown(name)} holds a control character; rename the file")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or _DRIVE.match(name) or ".." in parts:
        raise BadUpload(f"{shown(name)} leads out of the job's folder; pack with relative names")
    path = "/".join(parts)
    if len(path.encode()) > limits.path_bytes or any(len(part.encode()) > 255 for part in parts):
        raise BadUpload(f"the name {shown(name)} is too long; shorten it")
    return path


def _refuse_contradictions(entries: list[ArchiveEntry]) -> None:
    """Refuse a path that is given twice, and one that leads through a file or a link."""
    files: set[str] = set()
    for entry in entries:
        if entry.kind is not EntryKind.FOLDER:
            if entry.path in files:
                raise BadUpload(f"it holds {shown(entry.path)} twice; keep one")
            files.add(entry.path)
    for entry in entries:
        above = entry.path if entry.kind is EntryKind.FOLDER else entry.path.rpartition("/")[0]
        while above:
            if above in files:
                raise BadUpload(f"it holds {shown(above)} both as a file and as a folder; rename one")
            above = above.rpartition("/")[0]
