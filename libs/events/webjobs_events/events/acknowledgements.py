"""What a person has acknowledged of the state of a job; the api writes these events."""

import hashlib
from enum import StrEnum

import msgspec
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at

from webjobs_events.events.event import Event
from webjobs_events.instant import Instant
from webjobs_events.subjects import Subjects, token_of

AUTHOR = "api"
"""Who writes these events."""


class Term(StrEnum):
    """When an acknowledgement ends, unless what it covers is over before."""

    CHANGE = "change"
    """When the evidence becomes another one."""
    INSTANT = "instant"
    """At the instant of `until`."""
    FOREVER = "forever"
    """Never."""


class Covered(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for attention that an acknowledgement covers.

    Attributes:
        kind: The reason, as in `GET /api/overview`.
        evidence: The facts, in a form that is compared; empty when they were not known.
        text: The sentence that was shown.
    """

    kind: str
    evidence: str
    text: str


class AcknowledgementEvent(Event, frozen=True, kw_only=True):
    """Something about an acknowledgement.

    Attributes:
        job_type: Of the job.
        job_name: Of the job, or of a folder that was refused and is none.
        acknowledgement_id: Names the acknowledgement.
        by: Who asked for it.
    """

    job_type: JobType
    job_name: JobName
    acknowledgement_id: str
    by: str

    @property
    def kind(self) -> str:
        return self.job_type.value

    @property
    def event_id(self) -> str:
        return f"{self.about}/{self.name}/{self.acknowledgement_id}"

    @property
    def about(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(self.job_type, self.job_name, self.name)


class Acknowledged(AcknowledgementEvent, frozen=True, kw_only=True, tag="Acknowledged"):
    """A person has seen that a job needs attention: it is not shown among what needs attention meanwhile.

    Attributes:
        covers: The reasons for attention, one of a kind.
        note: Of the person; empty without one.
        term: When it ends.
        until: The instant of the term `instant`; else None.
    """

    covers: list[Covered]
    note: str = ""
    term: Term = Term.CHANGE
    until: Instant | None = None


class AcknowledgementWithdrawn(
    AcknowledgementEvent, frozen=True, kw_only=True, tag="AcknowledgementWithdrawn"
):
    """An acknowledgement was withdrawn before its end."""


def acknowledgement_id_of(
    at: Instant, by: str, covers: list[Covered], note: str, term: Term, until: Instant | None
) -> str:
    """The id of an acknowledgement, derived from what it says and when it was given."""
    content = msgspec.json.encode([by, covers, note, term, until])
    return f"{run_id_at(at)}-{hashlib.blake2b(content, digest_size=4).hexdigest()}"
