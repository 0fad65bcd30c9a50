"""A batch of events folded in memory: which rows it needs, and what is left to write."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace
from webjobs_events.commands import ReplyCode
from webjobs_events.events import (
    ContinuousEvent,
    Event,
    InstanceEvent,
    Purged,
    RunEvent,
    RunImported,
    RunProgressed,
)
from webjobs_events.queries import AcknowledgementView, DeploymentView, RunView
from webjobs_rules.errors import IllegalTransition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Status, is_terminal

from webjobs_history.domain.acknowledgements import EndAcknowledgements, PutAcknowledgement, job_of
from webjobs_history.domain.deployments import DropDeployments, PutDeployment
from webjobs_history.domain.job_statistics import with_ended
from webjobs_history.domain.projection import (
    Change,
    DropInstances,
    DropJob,
    DropRuns,
    PutInstance,
    PutRun,
    project,
)
from webjobs_history.domain.rows import InstanceRow, JobRow

RunKey = tuple[JobName, RunId]
InstanceKey = tuple[JobName, str]
AcknowledgementKey = tuple[JobType, str, str]
"""Type and name of the job, and the reason for attention."""


@dataclass(slots=True)
class Keys:
    """The rows a batch of events may ask for."""

    runs: set[RunKey] = field(default_factory=set)
    jobs: set[JobName] = field(default_factory=set)
    instances: set[InstanceKey] = field(default_factory=set)
    runners: set[str] = field(default_factory=set)
    """All rows of these instances."""
    acknowledged: set[tuple[JobType, str]] = field(default_factory=set)
    """All acknowledgements of these jobs."""


def keys_of(events: Iterable[Event]) -> Keys:
    """The rows that must be known to fold these events."""
    keys = Keys()
    for event in events:
        if (job := job_of(event)) is not None:
            keys.acknowledged.add(job)
        match event:
            case RunEvent() | RunProgressed() | RunImported():
                keys.runs.add((event.job_name, event.run_id))
                keys.jobs.add(event.job_name)
            case Purged():
                keys.runs.update((event.job_name, run_id) for run_id in event.run_ids)
                keys.jobs.add(event.job_name)
            case ContinuousEvent():
                keys.instances.add((event.job_name, event.instance))
            case InstanceEvent():
                keys.runners.add(event.about_instance)
    return keys


class Fold:
    """Rows as they are after the events applied so far, and which of them differ from the stored ones.

    To store it: first drop what is in a `dropped_` attribute, then put the rest.

    Args:
        runs: The stored rows that `keys_of` names.
        jobs: Likewise.
        instances: Likewise.
        acknowledgements: Likewise.
    """

    def __init__(
        self,
        runs: Iterable[RunView] = (),
        jobs: Iterable[JobRow] = (),
        instances: Iterable[InstanceRow] = (),
        acknowledgements: Iterable[AcknowledgementView] = (),
    ) -> None:
        self._runs: dict[RunKey, RunView] = {(run.job_name, run.run_id): run for run in runs}
        self._jobs: dict[JobName, JobRow] = {job.job_name: job for job in jobs}
        self._instances: dict[InstanceKey, InstanceRow] = {
            (row.job_name, row.instance): row for row in instances
        }
        self._acknowledgements: dict[AcknowledgementKey, AcknowledgementView] = {
            _key_of(row): row for row in acknowledgements
        }
        self._touched_runs: set[RunKey] = set()
        self._touched_jobs: set[JobName] = set()
        self._touched_instances: set[InstanceKey] = set()
        self._touched_acknowledgements: set[AcknowledgementKey] = set()
        self.dropped_jobs: set[JobName] = set()
        self.dropped_runs: set[RunKey] = set()
        self.dropped_instance_jobs: set[JobName] = set()
        self.dropped_acknowledgements: set[AcknowledgementKey] = set()
        self._deployments: dict[str, DeploymentView] = {}
        self.dropped_deployment_jobs: set[tuple[JobType, str]] = set()
        self.headless: set[JobName] = set()
        """Jobs whose latest run was purged: only the stored runs show which one is the latest now."""
        self.failures: Counter[datetime] = Counter()
        """How many attempts more have failed in each minute."""
        self.refused = 0
        """Events that changed nothing because the rows before them did not allow it."""

    # What the projection asks for

    def run(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """A run as it is now."""
        return self._runs.get((job_name, run_id))

    def instance(self, job_name: JobName, instance: str) -> InstanceRow | None:
        """A continuous job's row of an instance as it is now."""
        return self._instances.get((job_name, instance))

    def rows_of(self, instance: str) -> Iterable[InstanceRow]:
        """All rows of an instance as they are now."""
        return [row for row in self._instances.values() if row.instance == instance]

    # What is left to write

    @property
    def runs_to_put(self) -> list[RunView]:
        """New and changed runs."""
        return [self._runs[key] for key in self._touched_runs if key in self._runs]

    @property
    def jobs_to_put(self) -> list[JobRow]:
        """New and changed jobs; one whose runs are all gone has a count of 0."""
        return [self._jobs[name] for name in self._touched_jobs if name in self._jobs]

    @property
    def instances_to_put(self) -> list[InstanceRow]:
        """New and changed rows of instances."""
        return [self._instances[key] for key in self._touched_instances if key in self._instances]

    @property
    def acknowledgements_to_put(self) -> list[AcknowledgementView]:
        """New and replaced acknowledgements."""
        keys = self._touched_acknowledgements
        return [self._acknowledgements[key] for key in keys if key in self._acknowledgements]

    @property
    def deployments_to_put(self) -> list[DeploymentView]:
        """Deployments that have ended."""
        return list(self._deployments.values())

    def apply(self, event: Event) -> None:
        """Fold one more event; one that is not allowed is counted and changes nothing."""
        try:
            changes = project(self, event)
        except IllegalTransition:
            self.refused += 1
            return
        for change in changes:
            self._apply(change)

    def _apply(self, change: Change) -> None:
        match change:
            case PutRun(run):
                self._put_run(run)
            case PutInstance(row):
                key = (row.job_name, row.instance)
                self._instances[key] = row
                self._touched_instances.add(key)
            case DropRuns(job_name, run_ids):
                self._drop_runs(job_name, run_ids)
            case DropJob(job_name):
                self._drop_job(job_name)
            case DropInstances(job_name):
                self.dropped_instance_jobs.add(job_name)
                for key in [key for key in self._instances if key[0] == job_name]:
                    del self._instances[key]
            case PutAcknowledgement(row):
                self._acknowledgements[_key_of(row)] = row
                self._touched_acknowledgements.add(_key_of(row))
            case PutDeployment(row):
                known = self._deployments.get(row.id)
                if known is None or known.code != ReplyCode.DONE:  # a repeat of its command may fail
                    self._deployments[row.id] = row
            case DropDeployments(job_type, job_name):
                self.dropped_deployment_jobs.add((job_type, job_name))
                job = (job_type, job_name)
                kept = [row for row in self._deployments.values() if (row.job_type, row.job_name) != job]
                self._deployments = {row.id: row for row in kept}
            case EndAcknowledgements():
                for row in [row for row in self._acknowledgements.values() if change.ends(row)]:
                    del self._acknowledgements[_key_of(row)]
                    self.dropped_acknowledgements.add(_key_of(row))

    def _put_run(self, run: RunView) -> None:
        key = (run.job_name, run.run_id)
        job = self._jobs.get(run.job_name) or _new(run.job_name)
        latest = job.latest_run
        job = replace(
            job,
            run_count=job.run_count + (key not in self._runs),
            latest_run=_short(run) if latest is None or run.run_id >= latest.run_id else latest,
        )
        is_counted = is_terminal(run.status) and run.imported_from is None  # statistics are of runs here
        self._jobs[run.job_name] = with_ended(job, run) if is_counted else job
        if is_counted and run.status is Status.FAILED and run.ended_at is not None:
            self.failures[run.ended_at.replace(second=0, microsecond=0)] += 1
        self._runs[key] = run
        self._touched_runs.add(key)
        self._touched_jobs.add(run.job_name)

    def _drop_runs(self, job_name: JobName, run_ids: list[RunId]) -> None:
        for run_id in run_ids:
            self._runs.pop((job_name, run_id), None)
            self.dropped_runs.add((job_name, run_id))
        job = self._jobs[job_name]
        latest = job.latest_run
        if latest is not None and latest.run_id in run_ids:
            self.headless.add(job_name)
            latest = None
        left = job.run_count - len(run_ids)
        self._jobs[job_name] = replace(job, run_count=left, latest_run=latest) if left else _new(job_name)
        self._touched_jobs.add(job_name)

    def _drop_job(self, job_name: JobName) -> None:
        self.dropped_jobs.add(job_name)
        self.headless.discard(job_name)
        self._jobs.pop(job_name, None)
        for key in [key for key in self._runs if key[0] == job_name]:
            del self._runs[key]


def _key_of(row: AcknowledgementView) -> AcknowledgementKey:
    return row.job_type, row.job_name, row.kind


def _short(run: RunView) -> RunView:
    """A run without its result: of many jobs at once, they would not fit into one reply."""
    return run if run.result is None else replace(run, result=None)


def _new(job_name: JobName) -> JobRow:
    """A job without runs; its row is dropped when no run follows in the batch."""
    return JobRow(job_name=job_name, run_count=0, latest_run=None)
