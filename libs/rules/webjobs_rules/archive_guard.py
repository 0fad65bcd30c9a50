"""How far an untrusted zip may go while it is unpacked; pure.

Sizes are counted while inflating, as headers may lie.
"""

import struct
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

from webjobs_rules.archive_entries import ArchiveEntry, EntryKind, UploadLimits, shown, too_large
from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut
from webjobs_rules.package_links import LONGEST_TARGET, fault_of_link

Chunks = Generator[bytes, None, None]
"""The content of an entry, piece by piece; it is closed when no more of it is wanted."""

TAIL_BYTES = 22 + 65_535 + 96
"""Of the end of an archive, which `check_end` wants: the longest comment, and the records around it."""

PROGRAMS = (b"#!", b"\x7fELF")
"""How files begin that are made executable where the archive does not say it."""

_END_OF_ARCHIVE = b"PK\x05\x06"
_END_OF_LARGE_ARCHIVE = b"PK\x06\x06"
_END_BYTES = 22
_MOST_NAMED = 5


def check_end(tail: bytes, limits: UploadLimits) -> None:
    """Refuse what has no end record, or so large a directory that reading it would be the attack.

    Args:
        tail: The last `TAIL_BYTES` of the archive, or all of a shorter one.
        limits: How far it may go.

    Raises:
        BadUpload: With what to fix.
    """
    at = tail.rfind(_END_OF_ARCHIVE)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise BadUpload("it is not a zip archive, or it is cut short; pack and send it again")
    (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
    large = tail.rfind(_END_OF_LARGE_ARCHIVE, 0, at)
    if large >= 0 and at - large >= 56:  # such an archive says 0xFFFFFFFF in the small record
        (directory_bytes,) = struct.unpack_from("<Q", tail, large + 40)
    if directory_bytes > limits.directory_bytes:
        raise BadUpload(f"it lists more entries than the {limits.entries} allowed, or far too long names")


def refuse_nothing(entries: Sequence[ArchiveEntry], left_out: Sequence[LeftOut]) -> None:
    """Refuse an archive that holds no file of a job.

    Raises:
        BadUpload: It has only folders, or nothing that is not left out.
    """
    if any(entry.kind is not EntryKind.FOLDER for entry in entries):
        return
    names = [*(entry.path for entry in entries), *(item.path for item in left_out)]
    if not names:
        raise BadUpload("the archive is empty; pack the files of the job")
    named = ", ".join(map(shown, names[:_MOST_NAMED])) + (" and more" if len(names) > _MOST_NAMED else "")
    raise BadUpload(
        f"the archive holds no file that can be deployed, only {named}; pack the files of the job"
    )


def links_left_out(links: Mapping[str, str]) -> list[LeftOut]:
    """Which links of an archive, by their targets, are not made, and why."""
    return [LeftOut(path, why) for path in links if (why := fault_of_link(path, dict(links)))]


class Budget:
    """Counts what was really unpacked, against the limits.

    Args:
        limits: How far the archive may go.
        archive_bytes: Its size.
    """

    def __init__(self, limits: UploadLimits, archive_bytes: int) -> None:
        self._limits = limits
        self._archive_bytes = archive_bytes
        self._total = 0

    def guarded(self, entry: ArchiveEntry, chunks: Chunks) -> Chunks:
        """Yields the content of an entry as it is inflated.

        Raises:
            BadUpload: It goes past a limit, or its length is not the one in the directory.
        """
        unpacked = 0
        with closing(chunks):
            for chunk in chunks:
                unpacked += len(chunk)
                self._spend(entry, len(chunk), unpacked)
                yield chunk
        if unpacked != entry.info.file_size:
            raise BadUpload(f"{shown(entry.path)} is cut short; pack and send it again")

    def link_target(self, entry: ArchiveEntry, chunks: Chunks) -> str:
        """Returns what a link leads to; one that is too long to be a path is cut, and left out later.

        Raises:
            BadUpload: As `guarded`.
        """
        target = b""
        with closing(self.guarded(entry, chunks)) as content:
            for chunk in content:
                target += chunk
                if len(target) > LONGEST_TARGET:
                    break
        return target.decode("utf-8", "surrogateescape")

    def _spend(self, entry: ArchiveEntry, chunk_bytes: int, unpacked_of_entry: int) -> None:
        self._total += chunk_bytes
        if self._total > self._limits.unpacked_bytes:
            raise BadUpload(too_large(self._limits))
        ratio, floor = self._limits.compression_ratio, self._limits.ratio_floor_bytes
        swollen = unpacked_of_entry > max(floor, ratio * entry.info.compress_size)
        if swollen or self._total > max(floor, ratio * self._archive_bytes):
            reason = f"{shown(entry.path)} unpacks to more than {ratio} times its packed size"
            raise BadUpload(f"{reason}; store it uncompressed")
