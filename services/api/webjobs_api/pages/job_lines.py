"""The jobs of the first page: a line each, which of them need attention, and which are shown; pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webjobs_events.job import JobDefinition, JobType
from webjobs_events.queries import InstanceView, RunView
from webjobs_events.status import Status

from webjobs_api.backends.known_job import error_of
from webjobs_api.http.legacy_responses import continuous_status, run_command
from webjobs_api.http.urls import Urls
from webjobs_api.pages.run_rows import RunRow, run_row

NEVER = "Never"
DISABLED = "Disabled"


class JobFilter(StrEnum):
    """Which jobs are shown."""

    ALL = ""
    FAILED = "failed"
    RUNNING = "running"
    DISABLED = "disabled"
    SCHEDULED = "scheduled"
    NEVER_RAN = "never"
    CONTINUOUS = "continuous"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A job in the list.

    Attributes:
        name: Of the job.
        type: Triggered or continuous.
        url: Of its page.
        status: A status word, `Never` or `Disabled`.
        evidence: What is wrong about it, or how it ended; empty when nothing is.
        script: What it runs.
        latest: Its latest run; None of a continuous job, or when it never ran.
        since: Since when a continuous job is as it is.
        due: When it runs next by its schedule.
        is_refused: Whether its files or settings were refused.
        button: Address and words of its button; empty when it has none.
    """

    name: str
    type: str
    url: str
    status: str
    evidence: str = ""
    script: str
    latest: RunRow | None = None
    since: datetime | None = None
    due: datetime | None = None
    is_refused: bool = False
    button: tuple[str, str] = ("", "")

    @property
    def needs_attention(self) -> bool:
        """Whether it should be looked at."""
        return self.is_refused or self.status in (Status.FAILED, Status.PENDING_RESTART)


def triggered_line(
    definition: JobDefinition, latest: RunView | None, due: datetime | None, urls: Urls, now: datetime
) -> JobLine:
    """The line of a triggered job."""
    row = run_row(latest, urls, now) if latest else None
    is_disabled = definition.settings.get("enabled") is False
    refused, url = error_of(definition), urls.triggered_page(definition.job_name)
    return JobLine(
        name=definition.job_name,
        type=JobType.TRIGGERED.value,
        url=url,
        status=DISABLED if is_disabled else row.status if row else NEVER,
        evidence=refused or (row.why if row and row.status != Status.SUCCESS else ""),
        script=run_command(definition),
        latest=row,
        due=due,
        is_refused=refused is not None,
        button=("", "") if is_disabled else (f"{url}/run", "Run"),
    )


def continuous_line(definition: JobDefinition, alive: Sequence[InstanceView], urls: Urls) -> JobLine:
    """The line of a continuous job, from its running instances."""
    status = status_of_all(definition, alive)
    speaking = next((view for view in alive if view.status is status), None)
    refused, url = error_of(definition), urls.page(JobType.CONTINUOUS, definition.job_name)
    return JobLine(
        name=definition.job_name,
        type=JobType.CONTINUOUS.value,
        url=url,
        status=status.value,
        evidence=refused or (speaking.evidence if speaking and status is Status.PENDING_RESTART else ""),
        script=run_command(definition),
        since=speaking.since if speaking else None,
        is_refused=refused is not None,
        button=(f"{url}/start", "Start") if definition.is_stopped else (f"{url}/stop", "Stop"),
    )


def status_of_all(definition: JobDefinition, alive: Collection[InstanceView]) -> Status:
    """One status for a continuous job, from its running instances; standby when there are only standbys."""
    if alive and all(view.status is Status.INACTIVE_INSTANCE for view in alive):
        return Status.INACTIVE_INSTANCE
    return continuous_status(definition, alive)


def ordered(lines: Iterable[JobLine]) -> list[JobLine]:
    """Lines by attention, then as they were."""
    return sorted(lines, key=lambda line: not line.needs_attention)


def that_pass(lines: Iterable[JobLine], text: str, chosen: JobFilter) -> list[JobLine]:
    """The lines that have a text in their name and pass a filter."""
    wanted = text.casefold()
    return [line for line in lines if wanted in line.name.casefold() and _passes(line, chosen)]


def _passes(line: JobLine, chosen: JobFilter) -> bool:
    match chosen:
        case JobFilter.FAILED:
            return line.needs_attention
        case JobFilter.RUNNING:
            return line.status == Status.RUNNING
        case JobFilter.DISABLED:
            return line.status in (DISABLED, Status.STOPPED)
        case JobFilter.SCHEDULED:
            return line.due is not None
        case JobFilter.NEVER_RAN:
            return line.status == NEVER
        case JobFilter.CONTINUOUS:
            return line.type == JobType.CONTINUOUS
        case JobFilter.ALL:
            return True
