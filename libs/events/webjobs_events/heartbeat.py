"""What a runner says of itself: in its lease, and on a plain subject to those who must know at once."""

import msgspec


class DiskReport(msgspec.Struct, frozen=True, kw_only=True):
    """The disk of a runner's site folder, in bytes.

    Attributes:
        free: What can still be written.
        total: Size of the disk.
        reserve: Bytes kept free for runs in progress.
        is_low: The free space is below the reserve: the runner takes no new runs and deployments.
    """

    free: int
    total: int
    reserve: int
    is_low: bool


class Heartbeat(msgspec.Struct, frozen=True):
    """The value of a runner's lease.

    Attributes:
        boot: When this runner started, in the form of a run id.
        leaving: It stops in good order.
        disk: Absent from runners of earlier releases.
        slots: Triggered runs that it handles at the same time; absent from runners of earlier releases.
        version: The release of the runner; absent from runners of earlier releases.
    """

    boot: str
    leaving: bool = False
    disk: DiskReport | None = None
    slots: int | None = None
    version: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Heartbeat)


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """The value of a lease, or a message."""
    return _encoder.encode(heartbeat)


def decode_heartbeat(data: bytes) -> Heartbeat:
    """The heartbeat in the value of a lease, or in a message.

    Raises:
        MALFORMED: It is none; one of the errors in `errors.MALFORMED`.
    """
    return _decoder.decode(data)
