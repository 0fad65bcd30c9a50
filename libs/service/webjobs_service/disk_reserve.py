"""How much of a disk is kept in reserve: pure."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024
_DEFAULT_SHARE = 20  # one part in so many of the disk
_DEFAULT_LIMIT = 500 * MEGABYTE


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes of the disk that a folder lies on.

    Attributes:
        free: What an ordinary user can still write.
        total: Its size.
    """

    free: int
    total: int


def reserve_of(total: int, reserve_mb: int | None) -> int:
    """Bytes to keep free on a disk of this size: as set, or 5 % of the disk, but at most 500 MB."""
    if reserve_mb is not None:
        return reserve_mb * MEGABYTE
    return min(total // _DEFAULT_SHARE, _DEFAULT_LIMIT)
