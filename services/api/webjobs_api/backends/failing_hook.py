"""A hook whose calls keep failing, and what a person has acknowledged of it; pure."""

import msgspec
from webjobs_events.events import Term
from webjobs_events.instant import Instant


class FailingHook(msgspec.Struct, frozen=True, kw_only=True):
    """A hook whose last calls have failed.

    Attributes:
        id: Of the hook.
        target: Its url, without user and password.
        failures: How many calls in a row have failed, those on request apart.
        since: When the first of these was made.
        cause: How the last one failed, in words.
        evidence: The same in a form that is compared.
    """

    id: str
    target: str
    failures: int
    since: Instant
    cause: str
    evidence: str


class HookAcknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """That a person knows that a hook keeps failing; stored beside the hook.

    Attributes:
        hook: Id of the hook.
        acknowledgement_id: Names the acknowledgement.
        at: When it was given.
        by: Who gave it.
        note: Of the person; empty without one.
        term: When it ends, unless the hook delivers before.
        until: The instant of the term `instant`; else None.
        evidence: How the last call had failed, in a form that is compared.
    """

    hook: str
    acknowledgement_id: str
    at: Instant
    by: str
    note: str = ""
    term: Term = Term.CHANGE
    until: Instant | None = None
    evidence: str = ""
