"""How far a log that outlives its runner was shipped, remembered on disk."""

import os
from contextlib import suppress

import msgspec
from webjobs_events.errors import MALFORMED

from webjobs_runner.log import logger

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class ShippingState(msgspec.Struct, frozen=True):
    """How far a log that outlives its runner was shipped; offsets count from the log's first byte ever.

    Attributes:
        base: Offset of the file's first byte.
        shipped: Offset up to which the stream has the log.
        next_base: Base after the change of files that was just beginning; 0 when none was.
        marks: Of each change of files an offset and the sequence, in the stream of logs, of a chunk that
            ends before it; oldest first.
        stream: When that stream was made, which distinguishes it from another one; empty: not known.
        lines: Lines that end before `shipped`, counted since a release that counts them.
        errors: Error lines before `shipped`.
    """

    base: int = 0
    shipped: int = 0
    next_base: int = 0
    marks: tuple[tuple[int, int], ...] = ()
    stream: str = ""
    lines: int = 0
    errors: int = 0


def read_state(path: str) -> ShippingState:
    """Returns what was remembered; the beginning when nothing was, or it is unreadable."""
    if not path:
        return ShippingState()
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=ShippingState)
    except OSError:
        return ShippingState()
    except MALFORMED:
        logger.warning("unreadable shipping state", file=path)
        return ShippingState()


def write_state(path: str, state: ShippingState) -> None:
    """Replace the state at one stroke; when the disk is full the old one stays, and repeats do no harm."""
    beside = f"{path}.new"
    with suppress(OSError):
        try:
            descriptor = os.open(beside, _FLAGS, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(beside, _FLAGS, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(state))
        os.rename(beside, path)
