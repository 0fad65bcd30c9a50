"""Read models → the JSON of the dialect `legacy` (`/api/jobs`), field by field; pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol, cast

import msgspec
from msgspec.structs import replace
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, RunView
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

from webjobs_api.backends.known_job import error_of
from webjobs_api.http.urls import Urls

# Of several instances the one that does most speaks for the job.
_BY_PRECEDENCE = (
    Status.RUNNING,
    Status.STARTING,
    Status.PENDING_RESTART,
    Status.INITIALIZING,
    Status.STOPPING,
    Status.STOPPED,
)
LegacyStatus = Literal["Initializing", "Starting", "Running", "PendingRestart", "Stopped"]
"""The words that this dialect has for a continuous job."""

_HAS_A_PROCESS = frozenset({Status.STARTING, Status.RUNNING, Status.STOPPING})


class JobJson(Protocol):
    """What the JSON of a job has in every dialect."""

    @property
    def name(self) -> str:
        """As its owner spells it."""

    @property
    def type(self) -> str:
        """`triggered` or `continuous`."""


class RunJson(msgspec.Struct, frozen=True):
    """One run of a triggered job."""

    id: str
    status: str
    start_time: str
    end_time: str | None
    duration: str
    output_url: str
    error_url: str | None
    url: str


class RunsJson(msgspec.Struct, frozen=True):
    """The runs of a triggered job, newest first."""

    runs: list[RunJson]


class TriggeredJobJson(msgspec.Struct, frozen=True):
    """A triggered job; `latest_run` is null when it never ran, `error` is there when something is wrong."""

    name: str
    run_command: str = msgspec.field(name="runCommand")
    type: str
    url: str
    history_url: str
    extra_info_url: str
    latest_run: RunJson | None
    error: str | msgspec.UnsetType = msgspec.UNSET


class ContinuousJobJson(msgspec.Struct, frozen=True):
    """A continuous job; `error` is there when something is wrong."""

    name: str
    status: LegacyStatus
    run_command: str = msgspec.field(name="runCommand")
    log_url: str
    extra_info_url: str
    url: str
    type: str
    error: str | msgspec.UnsetType = msgspec.UNSET


def instant(at: datetime) -> str:
    """`2013-11-08T02:56:00.000000Z`: UTC, always six decimals."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def duration(length: timedelta) -> str:
    """`00:01:00` in whole seconds, `1.02:03:04` from a day on, as .NET writes a TimeSpan; never negative."""
    seconds = max(0, length // timedelta(seconds=1))
    days, seconds = divmod(seconds, 86_400)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{days}.{clock}" if days else clock


def run_command(definition: JobDefinition) -> str:
    r"""The script as Kudu writes it: relative to the job's folder, `\` between parts."""
    return definition.script.replace("/", "\\")


def run_json(run: RunView, urls: Urls, now: datetime) -> RunJson:
    """A run; its duration counts to `now` until it has ended."""
    began = run.started_at or run.requested_at
    return RunJson(
        id=run.run_id,
        status=run.status.value,
        start_time=instant(began),
        end_time=instant(run.ended_at) if run.ended_at else None,
        duration=duration((run.ended_at or now) - began),
        output_url=urls.output(run.job_name, run.run_id),
        error_url=urls.error(run.job_name, run.run_id) if run.has_error_log else None,
        url=urls.run(run.job_name, run.run_id),
    )


def runs_json(runs: Iterable[RunView], urls: Urls, now: datetime) -> RunsJson:
    """A page of runs in the order given."""
    return RunsJson([run_json(run, urls, now) for run in runs])


def triggered_job_json(
    definition: JobDefinition, latest: RunView | None, urls: Urls, now: datetime
) -> TriggeredJobJson:
    """A triggered job with its latest run."""
    name = definition.job_name
    return TriggeredJobJson(
        name=name,
        run_command=run_command(definition),
        type=JobType.TRIGGERED.value,
        url=urls.job(JobType.TRIGGERED, name),
        history_url=urls.history(name),
        extra_info_url=urls.page(JobType.TRIGGERED, name),
        latest_run=run_json(latest, urls, now) if latest else None,
        error=error_of(definition) or msgspec.UNSET,
    )


def continuous_job_json(
    definition: JobDefinition, alive: Sequence[InstanceView], urls: Urls
) -> ContinuousJobJson:
    """A continuous job with the status of its running instances."""
    name = definition.job_name
    return ContinuousJobJson(
        name=name,
        status=legacy_status(definition, alive),
        run_command=run_command(definition),
        log_url=urls.job_log(name),
        extra_info_url=urls.page(JobType.CONTINUOUS, name),
        url=urls.job(JobType.CONTINUOUS, name),
        type=JobType.CONTINUOUS.value,
        error=error_of(definition) or msgspec.UNSET,
    )


def settings_changed_json(definition: JobDefinition) -> None:
    """This dialect answers new settings with an empty body."""


def continuous_status(definition: JobDefinition, alive: Iterable[InstanceView]) -> Status:
    """One status for a continuous job, from its running instances; standbys do not count.

    Kudu takes one arbitrary instance that is not inactive: docs/compatibility.md#status-words.
    """
    statuses = {view.status for view in alive}
    if definition.is_stopped and not statuses & _HAS_A_PROCESS:
        return Status.STOPPED
    return next((status for status in _BY_PRECEDENCE if status in statuses), Status.INITIALIZING)


def legacy_status(definition: JobDefinition, alive: Iterable[InstanceView]) -> LegacyStatus:
    """One of the five words of this dialect, from the running instances of a job.

    An instance that is `Stopping` counts as `Running`. A job of which there are only standbys
    (`InactiveInstance`) is `Initializing`: none of them runs it yet.
    """
    known = (
        replace(view, status=Status.RUNNING) if view.status is Status.STOPPING else view for view in alive
    )
    return cast(LegacyStatus, continuous_status(definition, known).value)


def in_name_order(definitions: Collection[JobDefinition]) -> list[JobDefinition]:
    """Jobs as a list shows them: by name, whatever their letters' case."""
    return sorted(definitions, key=lambda each: (each.job_name.casefold(), each.job_name))
