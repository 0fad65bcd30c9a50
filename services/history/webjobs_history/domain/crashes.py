"""How often in a row the process of a continuous job crashed, which shows a crash loop; pure."""

from datetime import datetime

from webjobs_events.events import ContinuousEvent, ContinuousPendingRestart, ProcessEnded
from webjobs_rules.crash_loop import LONG_LIFE
from webjobs_rules.status import Status

from webjobs_history.domain.rows import InstanceRow

_ENDS_A_LOOP = frozenset({Status.INITIALIZING, Status.STOPPING, Status.STOPPED, Status.INACTIVE_INSTANCE})


def crashes_after(current: InstanceRow | None, event: ContinuousEvent) -> tuple[int, datetime | None]:
    """How many crashes in a row there are after an event, and when the first one was.

    A crash is an end of the process that was not asked for, with anything but exit code 0. A process that ran
    for two minutes begins a new count; a stop of the job and a start of its runner end the count.
    """
    if current is None or event.status in _ENDS_A_LOOP:
        return 0, None
    if not isinstance(event, ContinuousPendingRestart):
        return current.crashes, current.crashing_since
    if event.exit_code == 0:
        return 0, None
    if _ran_long(current, event) or not current.crashes:
        return 1, event.at
    return current.crashes + 1, current.crashing_since


def has_recovered(current: InstanceRow, event: ContinuousEvent) -> bool:
    """Whether an event ends a process that did what it should: it ran for two minutes, or had exit code 0."""
    return isinstance(event, ProcessEnded) and (event.exit_code == 0 or _ran_long(current, event))


def _ran_long(current: InstanceRow, event: ContinuousEvent) -> bool:
    return current.status is Status.RUNNING and event.at - current.since >= LONG_LIFE
