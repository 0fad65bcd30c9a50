"""How a script is asked to end: by its shutdown file always, and by which signal when."""

from collections.abc import Iterable
from dataclasses import dataclass

from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings, StopSignal

_DEFAULT_SIGNAL = StopSignal.SIGTERM

SHUTDOWN_FILE_TEXT = "WEBJOBS_SHUTDOWN_FILE"
"""A package that holds this name watches its shutdown file."""

# As scripts hold it, and as programs made for .NET do.
_SHUTDOWN_FILE_BYTES = (SHUTDOWN_FILE_TEXT.encode(), SHUTDOWN_FILE_TEXT.encode("utf-16-le"))
_OVERLAP = max(map(len, _SHUTDOWN_FILE_BYTES)) - 1


def names_shutdown_file(chunks: Iterable[bytes]) -> bool:
    """Whether a file, given in pieces, holds that name; no piece is read after it was found."""
    tail = b""
    for chunk in chunks:
        data = tail + chunk
        if any(each in data for each in _SHUTDOWN_FILE_BYTES):
            return True
        tail = data[-_OVERLAP:]
    return False


@dataclass(frozen=True, slots=True)
class StopPlan:
    """What is sent to a script that has to end, beside its shutdown file.

    Attributes:
        grace_seconds: How long the script has to end by itself.
        first_signal: Sent at once; None: the script is left alone with its shutdown file.
        last_signal: Sent when the grace is over, a moment before SIGKILL; None: nothing is.
    """

    grace_seconds: float
    first_signal: StopSignal | None = _DEFAULT_SIGNAL
    last_signal: StopSignal | None = None

    def within(self, seconds: float) -> "StopPlan":
        """The same plan, ended by SIGKILL after so many seconds at the latest."""
        return StopPlan(min(self.grace_seconds, seconds), self.first_signal)


def stop_plan(settings: JobSettings, job_type: JobType, *, watches_shutdown_file: bool) -> StopPlan:
    """Returns how a job's script is stopped.

    A job that watches its shutdown file would be killed by a signal before it has seen the file, so it gets
    none until its grace is over. `stop_signal` in settings.job decides otherwise.
    """
    grace = settings.stopping_wait_seconds(job_type)
    if settings.stop_signal is StopSignal.NONE:
        return StopPlan(grace, first_signal=None)
    if settings.stop_signal is not None:
        return StopPlan(grace, first_signal=settings.stop_signal)
    if watches_shutdown_file:
        return StopPlan(grace, first_signal=None, last_signal=_DEFAULT_SIGNAL)
    return StopPlan(grace)
