"""Zip archives byte by byte, as the programs write them that people use."""

import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

UNIX, DOS, NTFS = 3, 0, 10
UTF8_FLAG, DESCRIPTOR_FLAG = 0x800, 0x8
APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(60)
Files = Mapping[str, str | bytes]


@dataclass(frozen=True)
class RawEntry:
    """One entry, with every field that programs fill in differently."""

    name: bytes
    content: bytes = b""
    system: int = UNIX
    version: int = 20
    flags: int = 0
    attributes: int = 0
    local_extra: bytes = b""
    extra: bytes = b""
    deflated: bool = True


def raw_zip(*entries: RawEntry, comment: bytes = b"") -> bytes:
    """An archive of these entries, after APPNOTE.TXT 4.3."""
    body, directory = b"", b""
    for entry in entries:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(entry.content) + packer.flush() if entry.deflated else entry.content
        method = 8 if entry.deflated else 0
        checksum = zlib.crc32(entry.content)
        sizes = struct.pack("<LLL", checksum, len(packed), len(entry.content))
        has_descriptor = bool(entry.flags & DESCRIPTOR_FLAG)
        common = struct.pack("<HHHHH", 20, entry.flags, method, 0x6000, 0x5921)
        local_sizes = bytes(12) if has_descriptor else sizes
        lengths = struct.pack("<HH", len(entry.name), len(entry.local_extra))
        offset = len(body)
        body += b"PK\x03\x04" + common + local_sizes + lengths + entry.name + entry.local_extra + packed
        body += b"PK\x07\x08" + sizes if has_descriptor else b""
        directory += b"PK\x01\x02" + struct.pack("<BB", entry.version, entry.system) + common + sizes
        directory += struct.pack(
            "<HHHHHLL", len(entry.name), len(entry.extra), 0, 0, 0, entry.attributes, offset
        )
        directory += entry.name + entry.extra
    counts = struct.pack("<HHHH", 0, 0, len(entries), len(entries))
    end = struct.pack("<LLH", len(directory), len(body), len(comment))
    return body + directory + b"PK\x05\x06" + counts + end + comment


def unix_attributes(mode: int) -> int:
    """A mode as an entry made on unix holds it."""
    return mode << 16 | (0x10 if stat.S_ISDIR(mode) else 0)


def unicode_path(name: bytes, unicode_name: bytes, version: int = 1) -> bytes:
    """The extra field 0x7075 for an entry's name."""
    data = struct.pack("<BL", version, zlib.crc32(name)) + unicode_name
    return struct.pack("<HH", 0x7075, len(data)) + data


def folders_of(files: Files) -> list[str]:
    """Every folder above the files, with a slash at its end."""
    found = {
        "/".join(parts[:depth]) + "/"
        for parts in (name.split("/") for name in files)
        for depth in range(1, len(parts))
    }
    return sorted(found)


def content_of(content: str | bytes) -> bytes:
    """Content as bytes."""
    return content.encode() if isinstance(content, str) else content


def finder_zip(files: Files) -> bytes:
    """As macOS Finder compresses a folder: UTF-8 without the flag, descriptors, and `__MACOSX`."""
    ux_local = struct.pack("<HHLLHH", 0x5855, 12, 1, 1, 501, 20)
    ux = struct.pack("<HHLL", 0x5855, 8, 1, 1)

    def entry(name: str, content: bytes, mode: int) -> RawEntry:
        is_file = stat.S_ISREG(mode)
        return RawEntry(
            name.encode(),
            content,
            version=21,
            flags=DESCRIPTOR_FLAG if is_file else 0,
            attributes=mode << 16 | 0x4000,
            local_extra=ux_local,
            extra=ux,
            deflated=is_file,
        )

    entries = [entry(name, b"", stat.S_IFDIR | 0o755) for name in folders_of(files)]
    for name, content in files.items():
        is_program = content_of(content).startswith(b"#!")
        entries.append(entry(name, content_of(content), stat.S_IFREG | (0o755 if is_program else 0o644)))
        above, _, own = name.rpartition("/")
        double = f"__MACOSX/{above}/._{own}" if above else f"__MACOSX/._{own}"
        entries.append(entry(double, APPLE_DOUBLE, stat.S_IFREG | 0o644))
    top = next(iter(files)).partition("/")[0]
    entries.append(entry(f"{top}/.DS_Store", b"\x00\x00\x00\x01Bud1", stat.S_IFREG | 0o644))
    entries.append(entry(f"__MACOSX/{top}/._.DS_Store", APPLE_DOUBLE, stat.S_IFREG | 0o644))
    return raw_zip(*entries)


def explorer_zip(files: Files) -> bytes:
    """As Windows Explorer writes it: no modes; names in the console's code page, else UTF-8 with the flag."""
    folders = folders_of(files)
    entries = [RawEntry(name.encode(), b"", DOS, attributes=0x10, deflated=False) for name in folders]
    for name, content in files.items():
        try:
            raw, flags = name.encode("cp437"), 0
        except UnicodeEncodeError:
            raw, flags = name.encode(), UTF8_FLAG
        entries.append(RawEntry(raw, content_of(content), DOS, flags=flags, attributes=0x20))
    return raw_zip(*entries)


def powershell_5_zip(files: Files) -> bytes:
    r"""As `Compress-Archive` of Windows PowerShell 5.1 writes it: `\` between folders, no attributes."""
    entries = []
    for name, content in files.items():
        flags = 0 if name.isascii() else UTF8_FLAG
        entries.append(RawEntry(name.replace("/", "\\").encode(), content_of(content), DOS, flags=flags))
    return raw_zip(*entries)


def powershell_7_zip(files: Files) -> bytes:
    """As `Compress-Archive` of PowerShell 7 writes it on Windows."""
    return raw_zip(
        *(
            RawEntry(name.encode(), content_of(content), DOS, flags=0 if name.isascii() else UTF8_FLAG)
            for name, content in files.items()
        )
    )


def info_zip(files: Files, links: Mapping[str, str] | None = None) -> bytes:
    """As `zip -ry` writes it on Linux: modes, links, names in UTF-8 with the field for Unicode names."""
    times = struct.pack("<HHBL", 0x5455, 5, 3, 1)
    owner = struct.pack("<HHBBLBL", 0x7875, 11, 1, 4, 1000, 4, 1000)

    def entry(name: str, content: bytes, mode: int) -> RawEntry:
        raw = name.encode()
        names = b"" if name.isascii() else unicode_path(raw, raw)
        extra = times + owner + names
        attributes = unix_attributes(mode)
        return RawEntry(raw, content, version=30, attributes=attributes, local_extra=extra, extra=extra)

    entries = [entry(name, b"", stat.S_IFDIR | 0o755) for name in folders_of(files)]
    for name, content in files.items():
        is_program = content_of(content).startswith(b"#!")
        entries.append(entry(name, content_of(content), stat.S_IFREG | (0o755 if is_program else 0o644)))
    for name, target in (links or {}).items():
        entries.append(entry(name, target.encode(), stat.S_IFLNK | 0o777))
    return raw_zip(*entries)


def python_zip(files: Files, system: int = UNIX) -> bytes:
    """As Python's `zipfile` writes files of a disk; on Windows it fills in modes that mean nothing."""
    entries = []
    for name, content in files.items():
        is_program = system == UNIX and content_of(content).startswith(b"#!")
        mode = stat.S_IFREG | (0o755 if is_program else 0o644 if system == UNIX else 0o666)
        flags = 0 if name.isascii() else UTF8_FLAG
        data, attributes = content_of(content), unix_attributes(mode)
        entries.append(RawEntry(name.encode(), data, system, flags=flags, attributes=attributes))
    return raw_zip(*entries)


def git_zip(files: Files, links: Mapping[str, str] | None = None) -> bytes:
    """As `git archive` writes it: only programs and links are made on unix."""
    entries = []
    for name, content in files.items():
        is_program = content_of(content).startswith(b"#!")
        attributes = unix_attributes(stat.S_IFREG | 0o755) if is_program else 0
        system = UNIX if is_program else DOS
        entries.append(RawEntry(name.encode(), content_of(content), system, flags=0, attributes=attributes))
    for name, target in (links or {}).items():
        attributes = unix_attributes(stat.S_IFLNK | 0o777)
        entries.append(RawEntry(name.encode(), target.encode(), UNIX, attributes=attributes))
    return raw_zip(*entries, comment=b"0123456789abcdef0123456789abcdef01234567")


MAKERS = {
    "Finder": finder_zip,
    "Windows Explorer": explorer_zip,
    "PowerShell 5.1": powershell_5_zip,
    "PowerShell 7": powershell_7_zip,
    "Info-ZIP": info_zip,
    "Python": python_zip,
    "Python on Windows": lambda files: python_zip(files, DOS),
    "git archive": git_zip,
}
