"""How much of a disk is kept in reserve, and when a disk counts as low; pure."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024
_DEFAULT_SHARE = 20  # one part in so many of the disk
_DEFAULT_LIMIT = 500 * MEGABYTE
_FASTEST_WRITER = 8 * 1024 * MEGABYTE  # bytes a second
_LOOK_SECONDS = 0.25
_LONGEST_LOOK_SECONDS = 1.0  # space can be allocated at one stroke
_MARGIN = 10  # one part in so many of the reserve must be free above it before the disk counts as well


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


def is_low(space: DiskSpace, reserve: int, was_low: bool) -> bool:
    """Whether the free space is below the reserve; a disk that was low must exceed it by a tenth.

    Args:
        space: Of the disk.
        reserve: Bytes that are kept free.
        was_low: The last answer: without a margin it would change with every file.
    """
    if was_low:
        return space.free < min(reserve + reserve // _MARGIN, space.total)
    return space.free < reserve


def look_again_seconds(space: DiskSpace, reserve: int, is_low: bool) -> float:
    """Seconds until the next look: 0.25, up to 1 when no writer can have reached the reserve by then."""
    if is_low:
        return _LOOK_SECONDS
    until_low = (space.free - reserve) / _FASTEST_WRITER
    return min(max(until_low, _LOOK_SECONDS), _LONGEST_LOOK_SECONDS)


def log_floor(reserve: int) -> int:
    """Bytes that logs leave free: three quarters of the reserve are for events, outcomes and NATS."""
    return reserve * 3 // 4


def as_text(space: DiskSpace, reserve: int) -> str:
    """`3 MB of 400 MB are free; the reserve is 20 MB`."""
    free, total, kept = (bytes_ // MEGABYTE for bytes_ in (space.free, space.total, reserve))
    return f"{free} MB of {total} MB are free; the reserve is {kept} MB"
