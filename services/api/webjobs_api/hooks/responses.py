"""Hooks → Kudu's JSON, field by field; pure. Source: Kudu.Contracts/Hooks/WebHook.cs."""

from collections.abc import Iterable
from http import HTTPStatus

import msgspec
from webjobs_events.redaction import redacted_copy

from webjobs_api.hooks.hook import Attempt, Hook, HookState
from webjobs_api.hooks.target import shown
from webjobs_api.http.legacy_responses import instant


class HookView(msgspec.Struct, frozen=True):
    """A hook. The fields after `last_context` are ours; the secret is never shown.

    Attributes:
        id: Of the hook.
        event: What it is for.
        url: Who is called; user and password are hidden.
        insecure_ssl: Whether certificates go unchecked.
        last_status: Of the last call, such as `OK`; `Failure` when there was no answer.
        last_reason: The same in words.
        last_datetime: When the last call was made.
        last_context: The beginning of what was sent.
        type: Only events of jobs of this type.
        job: Only events of this job.
        is_signed: Whether deliveries bear a signature.
        created_at: When the hook was made.
    """

    id: str
    event: str
    url: str
    insecure_ssl: bool
    last_status: str | None
    last_reason: str | None
    last_datetime: str | None
    last_context: str | None
    type: str | None
    job: str | None
    is_signed: bool
    created_at: str


class AttemptView(msgspec.Struct, frozen=True):
    """One try to deliver something.

    Attributes:
        delivery_id: The same for every try; the receiver has it in the header `webhook-id`.
        event: Name of the event.
        attempt: Counted from 1.
        time: When.
        duration_ms: Milliseconds until the answer.
        status: HTTP status of the receiver; null when there was no answer.
        reason: In words.
        outcome: `delivered`, `will_retry`, `gave_up`, `unsubscribed`, or `failed`: a call on request.
        next_time: When it is tried again.
        sequence: Of the event, in its stream; 0 for a test.
    """

    delivery_id: str
    event: str
    attempt: int
    time: str
    duration_ms: int
    status: int | None
    reason: str
    outcome: str
    next_time: str | None
    sequence: int


class AttemptsView(msgspec.Struct, frozen=True):
    """Tries to deliver something, newest first."""

    deliveries: list[AttemptView]


def hook_json(hook: Hook, last: HookState | None) -> HookView:
    """A hook with its last call."""
    return HookView(
        id=hook.id,
        event=hook.event,
        url=shown(hook.url),
        insecure_ssl=hook.insecure_ssl,
        last_status=status_word(last.status) if last else None,
        last_reason=last.reason if last else None,
        last_datetime=instant(last.at) if last else None,
        last_context=_context(last) if last else None,
        type=hook.job_type.value if hook.job_type else None,
        job=hook.job_name,
        is_signed=hook.secret is not None,
        created_at=instant(hook.created_at),
    )


def _context(state: HookState) -> str:
    """What was sent, without the values of `env` that an earlier release sent."""
    if '"env"' not in state.context:
        return state.context
    return redacted_copy(state.context.encode()).decode()


def deliveries_json(attempts: Iterable[Attempt]) -> AttemptsView:
    """Tries in the order given."""
    return AttemptsView([attempt_json(each) for each in attempts])


def attempt_json(attempt: Attempt) -> AttemptView:
    """One try."""
    return AttemptView(
        delivery_id=attempt.delivery_id,
        event=attempt.event,
        attempt=attempt.attempt,
        time=instant(attempt.at),
        duration_ms=attempt.duration_ms,
        status=attempt.status,
        reason=attempt.reason,
        outcome=attempt.outcome.value,
        next_time=instant(attempt.next_at) if attempt.next_at else None,
        sequence=attempt.sequence,
    )


def answer_words(status: int | None, reason: str) -> str:
    """How a receiver answered, such as `503 Service Unavailable`; without an answer why there is none."""
    return f"{status} {reason or status_word(status)}" if status is not None else reason or "no answer"


def status_word(status: int | None) -> str:
    """A status as Kudu writes it: `OK`, `NotFound`, `Failure` when there was no answer."""
    if status is None:
        return "Failure"
    try:
        return HTTPStatus(status).name.title().replace("_", "") if status != HTTPStatus.OK else "OK"
    except ValueError:
        return str(status)
