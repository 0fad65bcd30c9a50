"""The removal of old runs."""

from webjobs_events.events.event import Event
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.subjects import Subjects, token_of


class Purged(Event, frozen=True, kw_only=True, tag="Purged"):
    """Old runs were removed by retention: rows, logs and run folders go together.

    Attributes:
        run_ids: Of the runs removed, oldest first; all of them had ended.
        limit: WEBJOBS_HISTORY_SIZE when it was decided.
    """

    job_name: JobName
    run_ids: list[RunId]
    limit: int

    @property
    def kind(self) -> str:
        return JobType.TRIGGERED.value

    @property
    def event_id(self) -> str:
        return f"triggered/{token_of(self.job_name)}/Purged/{self.run_ids[-1]}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.TRIGGERED, self.job_name, self.name)
