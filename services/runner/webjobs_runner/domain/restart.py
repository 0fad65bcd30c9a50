"""How long a continuous job waits before it is started again."""

from dataclasses import dataclass
from datetime import timedelta

from webjobs_rules.crash_loop import LONG_LIFE
from webjobs_rules.job_settings import Backoff

DEFAULT_RESTART_DELAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Restart:
    """What follows the end of a process.

    Attributes:
        delay: Until the next start.
        short_runs: Runs in a row, this one included, that were too short to reset the delays.
    """

    delay: timedelta
    short_runs: int


def restart_delay(lived: timedelta, restart_time: timedelta = DEFAULT_RESTART_DELAY) -> timedelta:
    """Answer the wait between the end of a process and the next start.

    A process that lived two minutes or longer is started again at once; a shorter life waits
    `restart_time`, the setting WEBJOBS_RESTART_TIME.

    Source: Kudu wiki, WEBJOBS_RESTART_TIME; Kudu, ContinuousJobRunner.cs (two minutes, 60 s).
    """
    return timedelta(0) if lived >= LONG_LIFE else max(restart_time, timedelta(0))


def restart_after(
    lived: timedelta, short_runs: int, backoff: Backoff | None, restart_time: timedelta
) -> Restart:
    """Answer when a process is started again, by the `restart` of its job's settings if there is one.

    With it each short life in a row waits longer than the one before. A life is long when it lasted as
    long as the longest delay, or two minutes if that is less: then the delays begin with `min` again.

    Args:
        lived: How long the process lived.
        short_runs: Short lives in a row before this one.
        backoff: The delays; None: Kudu's rule.
        restart_time: The setting WEBJOBS_RESTART_TIME, for Kudu's rule.
    """
    if backoff is None:
        return Restart(restart_delay(lived, restart_time), 0)
    long_run = min(LONG_LIFE, timedelta(seconds=max(backoff.min, backoff.max)))
    before = 0 if lived >= long_run else short_runs
    return Restart(timedelta(seconds=backoff.delay_seconds(before)), before + 1)
