"""A continuous job on each runner as its page shows it; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView
from webjobs_events.usage import ProcessUsage
from webjobs_rules.amounts import counted, size, took
from webjobs_rules.status import Status

from webjobs_api.overview.overview_json import Role, role_of

_ROLES = {Role.EACH: "on each runner", Role.SINGLETON: "singleton", Role.STANDBY: "standby"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLine:
    """A continuous job on one runner; what is not known is empty.

    Attributes:
        instance: Id of the runner.
        role: In words.
        status: Its status word.
        since: Of the status.
        pid: Of its main process.
        restarts: How often it was started again, in words.
        health: What its health checks say, in words.
        is_sick: Whether the last check failed.
        cpu: Share of a core of late, and the CPU time in all.
        memory: Of its largest process.
        last_end: How its process ended last.
    """

    instance: str
    role: str
    status: str
    since: datetime
    pid: str
    restarts: str
    health: str
    is_sick: bool
    cpu: str
    memory: str
    last_end: str


def instance_line(
    definition: JobDefinition, view: InstanceView, usage: ProcessUsage | None, last_end: str
) -> InstanceLine:
    """A job on one runner as a line."""
    used = usage if view.status is Status.RUNNING else None
    failures = used.health_failures if used else None
    return InstanceLine(
        instance=view.instance,
        role=_ROLES[role_of(definition, view)],
        status=view.status.value,
        since=view.since,
        pid=str(used.pid) if used else "",
        restarts=f"{used.restarts:,}" if used else "",
        health=_health(failures),
        is_sick=bool(failures),
        cpu=_cpu(used) if used else "",
        memory=size(used.memory_bytes) if used else "",
        last_end=last_end,
    )


def _health(failures: int | None) -> str:
    if failures is None:
        return ""
    return f"{counted(failures, 'failure')} in a row" if failures else "passes"


def _cpu(used: ProcessUsage) -> str:
    total = took(timedelta(seconds=used.cpu_seconds))
    return total if used.cpu_percent is None else f"{used.cpu_percent:g} % of a core, {total} in all"
