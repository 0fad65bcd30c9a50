"""`job_scheduler.log`: the ticks of a job as lines for people; pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

from webjobs_events.events import ScheduleTicked, TickOutcome

_LEVELS = {
    TickOutcome.RAN: "SYS INFO",
    TickOutcome.SKIPPED: "SYS WARN",
    TickOutcome.MISSED: "SYS WARN",
    TickOutcome.MERGED: "SYS WARN",
}


def scheduler_log(ticks: Iterable[ScheduleTicked]) -> str:
    """A line for each event, in the order given.

    Source: Kudu, TriggeredJobSchedulerLogger.cs, for the form of a line.
    """
    return "".join(f"{_line(tick)}\n" for tick in ticks)


def _line(tick: ScheduleTicked) -> str:
    mark = f"[{_written(tick.at)} > {tick.instance}: {_LEVELS[tick.outcome]}]"
    if tick.outcome is TickOutcome.RAN:
        return f"{mark} Invoking WebJob for {_written(tick.due)}: run {tick.run_id} ({tick.schedule})"
    when = f"schedule of {_written(tick.due)}"
    if tick.until is not None:
        when = f"{tick.count} schedules from {_written(tick.due)} to {_written(tick.until)}"
    stands_for = f" Run {tick.run_id}." if tick.run_id else ""
    return f"{mark} {tick.outcome.value.capitalize()} {when}: {tick.reason}{stands_for}"


def _written(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%m/%d/%Y %H:%M:%S}"
