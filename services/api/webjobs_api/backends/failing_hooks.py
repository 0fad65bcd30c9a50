"""Hooks whose calls keep failing, and what people have acknowledged of them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from aiohttp import web
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


class FailingHooks(Protocol):
    """What is known in this process of hooks that keep failing."""

    def failing(self) -> Sequence[FailingHook]:
        """Every hook that keeps failing now."""

    def acknowledgements(self) -> Sequence[HookAcknowledgement]:
        """What is acknowledged of hooks: one of a hook, also of those that have delivered since."""

    async def acknowledge(self, given: HookAcknowledgement) -> None:
        """Store an acknowledgement in place of an earlier one of the hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """

    async def withdraw(self, hook_id: str) -> None:
        """Remove the acknowledgement of a hook.

        Raises:
            BusUnavailable: NATS does not answer.
        """


FAILING_HOOKS = web.AppKey("failing_hooks", FailingHooks)
