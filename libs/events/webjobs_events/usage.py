"""What the processes of continuous jobs use on a runner: a message that is not stored."""

import msgspec
from webjobs_rules.job import JobName

from webjobs_events.instant import Instant

USAGE_SECONDS = 15.0
"""Between two reports of a runner."""


class ProcessUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A continuous job's process on a runner, with all that it started.

    Attributes:
        job_name: Of the job.
        pid: Of its main process, on the runner's machine.
        started_at: When that was started.
        restarts: How often this runner has started the job again since it began to run it.
        health_failures: Failed health checks in a row; null when it has no check, or none was made yet.
        cpu_seconds: User and system time, of processes that have ended and were waited for too.
        cpu_percent: Of one core, since the report before; null in the first report of a process.
        memory_bytes: Resident memory of the largest process; no sum, as processes share memory.
    """

    job_name: JobName
    pid: int
    started_at: Instant
    restarts: int
    health_failures: int | None = None
    cpu_seconds: float
    cpu_percent: float | None = None
    memory_bytes: int


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner publishes: each continuous job whose process runs there; large reports are in parts."""

    jobs: list[ProcessUsage]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(UsageReport)


def encode_usage(report: UsageReport) -> bytes:
    """The message of a report."""
    return _encoder.encode(report)


def decode_usage(data: bytes) -> UsageReport:
    """The report in a message.

    Raises:
        MALFORMED: It is none; one of the errors in `errors.MALFORMED`.
    """
    return _decoder.decode(data)
