"""The body of a request that acknowledges what needs attention → what it asks for; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_events.events import Term
from webjobs_events.instant import Instant
from webjobs_rules.job import JobType

from webjobs_api.http.json_body import json_text
from webjobs_api.overview.attention import AttentionKind
from webjobs_api.overview.errors import InvalidAcknowledgement

LONGEST_NOTE = 1000  # characters
_LONGEST_UNTIL = 60  # characters
_MORNING = 9  # hours

Note = Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)]


class AcknowledgeJson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is acknowledged, until when, and why.

    Attributes:
        job: Name of the job, or of a folder that was refused; absent when a hook is meant.
        type: Triggered or continuous; absent when a hook is meant.
        hook: Id of a hook that keeps failing; absent when a job is meant.
        kinds: These reasons for attention; absent or null: all that the job has.
        until: `change`, until the evidence changes; `forever`; or an instant with its offset from UTC.
        note: At most 1,000 characters.
    """

    job: str | None = None
    type: JobType | None = None
    hook: str | None = None
    kinds: list[AttentionKind] | None = None
    until: str = Term.CHANGE.value
    note: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of an acknowledgement.

    Attributes:
        kinds: Reasons for attention; None: all that the job has.
        term: When it ends.
        until: The instant of the term `instant`.
        note: Of the person.
    """

    kinds: frozenset[AttentionKind] | None = None
    term: Term = Term.CHANGE
    until: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class NamedHook:
    """The hook that a request is about."""

    hook: str


@dataclass(frozen=True, slots=True)
class NamedJob:
    """The job that a request is about."""

    type: JobType
    job: str


def acknowledge_request_of(body: bytes, now: datetime) -> tuple[NamedJob | NamedHook, Terms]:
    """The job or hook, and what is asked of the acknowledgement.

    Raises:
        InvalidAcknowledgement: The body is no JSON object of this form.
    """
    try:
        asked = msgspec.json.decode(json_text(body), type=AcknowledgeJson)
    except MALFORMED as error:
        raise InvalidAcknowledgement(str(error).rstrip(".")) from error
    if asked.kinds is not None and not asked.kinds:
        raise InvalidAcknowledgement("kinds is empty: name one, or leave it away for all")
    kinds = frozenset(asked.kinds) if asked.kinds else None
    terms = terms_of(asked.until, asked.note, now, kinds)
    match asked.type, asked.job, asked.hook:
        case JobType() as job_type, str() as job, None:
            return NamedJob(job_type, job), terms
        case None, None, str() as hook:
            return NamedHook(hook), terms
    raise InvalidAcknowledgement("it must name a job by type and job, or a hook by hook")


def terms_of(until: str, note: str, now: datetime, kinds: frozenset[AttentionKind] | None = None) -> Terms:
    """The terms that `until` and `note` of a request mean.

    Raises:
        InvalidAcknowledgement: `until` is another word or no instant to come, or the note is too long.
    """
    if len(note) > LONGEST_NOTE:
        raise InvalidAcknowledgement(f"note has {len(note):,} characters; {LONGEST_NOTE:,} are the limit")
    note = note.strip()
    try:
        note.encode()
    except UnicodeEncodeError as error:
        raise InvalidAcknowledgement("note holds half of a surrogate pair") from error
    if "\0" in note:
        raise InvalidAcknowledgement("note holds a character with code 0")
    if until in (Term.CHANGE, Term.FOREVER):
        return Terms(kinds=kinds, term=Term(until), note=note)
    return Terms(kinds=kinds, term=Term.INSTANT, until=_instant(until, now), note=note)


def _instant(text: str, now: datetime) -> datetime:
    try:
        at: datetime = msgspec.convert(text[:_LONGEST_UNTIL], Instant).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidAcknowledgement(
            f"until is {text[:_LONGEST_UNTIL]!r}; give change, forever, or an instant with its offset from "
            "UTC, such as 2030-01-02T09:00:00Z"
        ) from error
    if at <= now:
        raise InvalidAcknowledgement(f"until is {text[:_LONGEST_UNTIL]!r}, which has passed")
    return at


CHOICES: Mapping[str, str] = {
    "change": "Until it changes",
    "hour": "For 1 hour",
    "tomorrow": "Until tomorrow, 09:00",
    "forever": "For good",
}
"""The words of a page for how long, by the value of its form."""


def until_of(choice: str, now: datetime, zone: ZoneInfo) -> str:
    """What a choice of a page's form means: `until` as a request writes it.

    Tomorrow is 09:00 of the next day in the zone.
    """
    if choice == "hour":
        return (now + timedelta(hours=1)).isoformat()
    if choice == "tomorrow":
        day = now.astimezone(zone) + timedelta(days=1)
        return day.replace(hour=_MORNING, minute=0, second=0, microsecond=0).isoformat()
    return choice
