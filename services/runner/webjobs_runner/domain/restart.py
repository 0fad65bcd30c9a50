"""How long a continuous job waits before it is started again."""

from datetime import timedelta

DEFAULT_RESTART_DELAY = timedelta(seconds=60)
LONG_LIFE = timedelta(minutes=2)


def restart_delay(lived: timedelta, restart_time: timedelta = DEFAULT_RESTART_DELAY) -> timedelta:
    """Answer the wait between the end of a process and the next start.

    A process that lived two minutes or longer is started again at once; a shorter life waits
    `restart_time`, the setting WEBJOBS_RESTART_TIME.

    Source: the seed, WEBJOBS_RESTART_TIME; Kudu: ContinuousJobRunner.cs (two minutes, 60 s).
    """
    return timedelta(0) if lived >= LONG_LIFE else max(restart_time, timedelta(0))
