"""A hook, how far it has come, and which events it is for; pure."""

import hashlib
from enum import StrEnum

import msgspec
from webjobs_events.events import EVENT_TYPES, RunImported
from webjobs_events.instant import Instant
from webjobs_events.subjects import token_of
from webjobs_rules.job import JobType
from webjobs_rules.status import TERMINAL_STATUSES

from webjobs_api.backends.event_filter import EventFilter
from webjobs_api.backends.published_events import POST_DEPLOYMENT, PUBLISHABLE, RUN_FINISHED
from webjobs_api.hooks.errors import InvalidHook

EVERYTHING = "*"
UNHOOKED = frozenset({str(RunImported.__struct_config__.tag)})
"""Events that no hook gets: of what is imported, another system has called its own hooks."""

_OURS: list[str] = sorted({name for _, name in EVENT_TYPES} - UNHOOKED)


class Source(StrEnum):
    """The source of a hook's events."""

    EVENTS = "events"
    PUBLISHED = "published"


class Outcome(StrEnum):
    """How one try to deliver something ended."""

    DELIVERED = "delivered"
    WILL_RETRY = "will_retry"
    GAVE_UP = "gave_up"
    UNSUBSCRIBED = "unsubscribed"
    FAILED = "failed"  # a call made on request, which is never repeated


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call, for what.

    Attributes:
        id: Minted here.
        url: With its user and password, when it has them.
        event: One of Kudu's events, one of ours, several of ours separated by commas, or `*`.
        job_type: Only events of jobs of this type.
        job_name: Only events of jobs of this name.
        insecure_ssl: Whether certificates go unchecked.
        secret: What deliveries are signed with.
        base_url: Address of this api as the one who made the hook wrote it: URLs in bodies begin with it.
        after: Sequence of each stream after which the hook begins.
        created_at: When it was made.
    """

    id: str
    url: str
    event: str
    job_type: JobType | None = None
    job_name: str | None = None
    insecure_ssl: bool = False
    secret: str | None = None
    base_url: str
    after: dict[Source, int]
    created_at: Instant

    def __repr__(self) -> str:
        return f"Hook(id={self.id!r}, event={self.event!r})"  # neither secret nor password gets into a log

    @property
    def sources(self) -> list[Source]:
        """The source of its events."""
        if self.event == POST_DEPLOYMENT:
            return [Source.PUBLISHED]
        return [Source.EVENTS, Source.PUBLISHED] if self.event == RUN_FINISHED else [Source.EVENTS]

    @property
    def filter(self) -> EventFilter:
        """Which of our events it is for."""
        if self.event == RUN_FINISHED:
            kinds, names = {JobType.TRIGGERED.value}, {status.value for status in TERMINAL_STATUSES}
        else:
            kinds = {self.job_type.value} if self.job_type else set()
            names = set() if self.event == EVERYTHING else set(self.event.split(","))
        jobs = {token_of(self.job_name)} if self.job_name else set()
        return EventFilter(frozenset(kinds), frozenset(jobs), frozenset(names))

    def wants_the_same_as(self, other: "Hook") -> bool:
        """Whether it makes no difference which of the two is kept."""
        return self._target_key == other._target_key

    @property
    def _target_key(self) -> tuple[object, ...]:
        return self.event, self.job_type, self.job_name, self.insecure_ssl, self.secret


class HookState(msgspec.Struct, frozen=True, kw_only=True):
    """The last try of a hook to deliver something of one source.

    Attributes:
        sequence: Of what was tried, in its stream.
        attempt: Counted from 1 for each sequence.
        at: When.
        outcome: How it ended.
        status: HTTP status of the receiver; None when there was no answer.
        reason: In words.
        context: The beginning of what was sent.
        failures: So many tries in a row have failed, this one included; 0 when it was taken.
        failing_since: When the first of these was made; None when this one was taken.
    """

    sequence: int
    attempt: int
    at: Instant
    outcome: Outcome
    status: int | None
    reason: str
    context: str
    failures: int = 0
    failing_since: Instant | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it will not be tried again."""
        return self.outcome is not Outcome.WILL_RETRY


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver something, as people look at it.

    Attributes:
        delivery_id: The same for every try of the same delivery.
        event: Name of the event.
        sequence: Of it in the stream.
        attempt: Counted from 1.
        at: When.
        duration_ms: Milliseconds until the answer.
        status: HTTP status of the receiver; None when there was no answer.
        reason: In words.
        outcome: How it ended.
        next_at: When it is tried again; None when it is not.
    """

    delivery_id: str
    event: str
    sequence: int
    attempt: int
    at: Instant
    duration_ms: int
    status: int | None
    reason: str
    outcome: Outcome
    next_at: Instant | None = None


def event_name(text: str, *, publishable: bool = False) -> str:
    """What a hook may be for, written in one way.

    Raises:
        InvalidHook: It names no event.
    """
    whole = PUBLISHABLE if publishable else (*PUBLISHABLE, EVERYTHING)
    for known in whole:
        if text.strip().lower() == known.lower():
            return known
    if publishable:
        raise InvalidHook(f"only {' and '.join(PUBLISHABLE)} can be published, not {text[:100]!r}")
    names = sorted({name.strip() for name in text.split(",")})
    for name in names:
        if name not in _OURS:
            raise InvalidHook(f"there is no event {name[:100]!r}; known are {', '.join([*whole, *_OURS])}")
    return ",".join(names)


def digest_of(url: str) -> str:
    """Names an address in a key; two addresses never share one."""
    return hashlib.sha256(url.encode()).hexdigest()
