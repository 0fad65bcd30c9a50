"""What is known of one job at one moment, as attention, filters and rows need it; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from webjobs_events.events import ScheduleTicked
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, JobSummary, RunView
from webjobs_events.usage import ProcessUsage
from webjobs_rules.crash_loop import CRASHES, LONG_LIFE
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

JobKey = tuple[str, str]
"""Type and name of a job, or of a folder that is none."""


class JobFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One job.

    Attributes:
        definition: Of the job, with what is wrong about it.
        summary: Of a triggered job's runs; None when it never ran.
        running: Runs of it that run, oldest first; not all of them while very many jobs run.
        instances: A continuous job on the runners alive.
        usage: What its process uses on each of them that has reported, by instance id.
        tick: What became of the last due time; None without any.
        is_scheduled: Whether it has a schedule that is not disabled.
        next_due: When it is due next; None when it is not, or schedules start nothing at the moment.
        refused_since: When what is wrong about it was refused; None when nothing is, or that is unknown.
    """

    definition: JobDefinition
    summary: JobSummary | None = None
    running: Sequence[RunView] = ()
    instances: Sequence[InstanceView] = ()
    usage: Mapping[str, ProcessUsage] = {}
    tick: ScheduleTicked | None = None
    is_scheduled: bool = False
    next_due: datetime | None = None
    refused_since: datetime | None = None

    @property
    def key(self) -> JobKey:
        """Names the job among all."""
        return self.definition.job_type, self.definition.job_name

    @property
    def is_triggered(self) -> bool:
        """Whether it is a triggered job."""
        return self.definition.job_type is JobType.TRIGGERED

    @property
    def is_disabled(self) -> bool:
        """Whether its settings, or `disable.job` of a continuous job, keep it from running."""
        if self.is_triggered:
            return self.definition.settings.get("enabled") is False
        return self.definition.is_stopped

    @property
    def is_up(self) -> bool:
        """Whether a process of it runs."""
        if not self.is_triggered:
            return any(view.status is Status.RUNNING for view in self.instances)
        return bool(self.running) or bool(self.summary and self.summary.latest.status is Status.RUNNING)

    @property
    def is_failing(self) -> bool:
        """Whether the last run that ended has failed."""
        return self.summary is not None and self.summary.results.endswith("F")

    def crash_loop(self, now: datetime) -> InstanceView | None:
        """The instance whose process crashed most often in a row, when it does so still."""
        looping = [
            view
            for view in self.instances
            if view.crashes >= CRASHES
            and not (view.status is Status.RUNNING and now - view.since >= LONG_LIFE)
        ]
        return max(looping, key=lambda view: view.crashes, default=None)
