"""What a runner says of itself: in its lease, and on a plain subject to those who must know at once."""

import msgspec

from webjobs_events.instant import Instant


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


class PreparingJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose packages a runner is installing.

    Attributes:
        job_type: Of the job.
        job_name: Of the job.
        since: When it began.
        until: When a run, or the process of a continuous job, that waits for them is given up; None while
            none waits.
        is_new_version: They are those of files that are being deployed; the job goes on with its own.
    """

    job_type: str
    job_name: str
    since: Instant
    until: Instant | None = None
    is_new_version: bool = False


class EnvironmentsReport(msgspec.Struct, frozen=True, kw_only=True):
    """The environments with packages of jobs in a runner's site folder.

    Attributes:
        count: How many there are; None before the first look.
        bytes: Of all of them; None before the first look.
        cache_bytes: Of what was downloaded; None before the first look.
        environment_limit: Bytes that one of them may have.
        cache_limit: Bytes that downloads may have together.
        preparing: Jobs whose packages are being installed, those that began first.
        preparing_count: How many such jobs there are.
    """

    count: int | None = None
    bytes: int | None = None
    cache_bytes: int | None = None
    environment_limit: int | None = None
    cache_limit: int | None = None
    preparing: list[PreparingJob] = []
    preparing_count: int = 0


class Heartbeat(msgspec.Struct, frozen=True):
    """The value of a runner's lease.

    Attributes:
        boot: When this runner started, in the form of a run id.
        leaving: It stops in good order.
        disk: Absent from runners of earlier releases.
        slots: Triggered runs that it handles at the same time; absent from runners of earlier releases.
        version: The release of the runner; absent from runners of earlier releases.
        environments: Absent from runners of earlier releases.
    """

    boot: str
    leaving: bool = False
    disk: DiskReport | None = None
    slots: int | None = None
    version: str | None = None
    environments: EnvironmentsReport | None = None


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
