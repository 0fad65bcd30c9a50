"""What every event has in common: when, who wrote it, and an id that makes a repeat harmless."""

import msgspec
from webjobs_rules.job import JobName, JobType

from webjobs_events.instant import Instant
from webjobs_events.subjects import Subjects, token_of


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every event carries: its instant, and the runner that wrote it.

    Attributes:
        at: When it happened, UTC.
        instance: Id of the runner that wrote it.
    """

    at: Instant
    instance: str

    @property
    def name(self) -> str:
        """The event's name, a stable string: the last token of its subject."""
        return str(type(self).__struct_config__.tag)

    @property
    def kind(self) -> str:
        """`triggered`, `continuous` or `instance`."""
        raise NotImplementedError

    @property
    def event_id(self) -> str:
        """Derived from what happened, so that a repeat has the same id."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """`<type>/<job>[/<run id>]` or `instance/<id>`, names encoded as tokens."""
        raise NotImplementedError

    def subject(self, subjects: Subjects) -> str:
        """The subject it is published on."""
        raise NotImplementedError


class TriggeredEvent(Event, frozen=True, kw_only=True):
    """Something about a triggered job, or one of its runs.

    Attributes:
        job_name: Of the job.
    """

    job_name: JobName

    @property
    def kind(self) -> str:
        return JobType.TRIGGERED.value

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.TRIGGERED, self.job_name, self.name)
