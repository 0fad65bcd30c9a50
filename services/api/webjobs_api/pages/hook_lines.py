"""A hook and its calls as pages show them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webjobs_rules.amounts import counted, took
from webjobs_rules.status import Status
from webjobs_rules.word_list import listed

from webjobs_api.hooks.hook import EVERYTHING, Attempt, Hook, HookState, Outcome
from webjobs_api.hooks.responses import answer_words
from webjobs_api.hooks.target import shown
from webjobs_api.http.urls import quoted
from webjobs_api.pages.bars import Bars, Result, bars_of

_BARS = 20
_NEVER = "Never"
_WORDS = {
    Outcome.DELIVERED: "Delivered",
    Outcome.WILL_RETRY: "Will be repeated",
    Outcome.GAVE_UP: "Given up",
    Outcome.UNSUBSCRIBED: "Unsubscribed",
    Outcome.FAILED: "Failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HookLine:
    """A hook in a list and at the head of its page.

    Attributes:
        id: Of the hook.
        target: Its url, without user and password.
        page: Address of its page.
        events: What it is called for, in words.
        status: Status word of the last delivery, `Success`, `Failed`, or `Never` without one.
        last: How the last delivery ended, in words.
        last_at: When.
        bars: Its last calls.
        is_signed: Whether it has a secret.
        is_insecure: Whether certificates go unchecked.
        created_at: When it was made.
        event: What it is called for, as the form has it.
        job_type: Of the jobs that it is for; empty: both.
        job: Name of the job that it is for; empty: all.
    """

    id: str
    target: str
    page: str
    events: str
    status: str
    last: str
    last_at: datetime | None
    bars: Bars
    is_signed: bool
    is_insecure: bool
    created_at: datetime
    event: str
    job_type: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One call of a hook.

    Attributes:
        id: Of the delivery.
        event: Name of the event.
        status: Status word: `Success` or `Failed`.
        outcome: In words.
        answer: Of the receiver, in words.
        attempt: Counted from 1.
        at: When.
        took: How long the receiver took.
        next_at: When it is tried again.
        can_be_repeated: Whether it has a button for that.
    """

    id: str
    event: str
    status: str
    outcome: str
    answer: str
    attempt: int
    at: datetime
    took: str
    next_at: datetime | None
    can_be_repeated: bool


def hook_line(hook: Hook, last: HookState | None, recent: Sequence[Attempt], base: str) -> HookLine:
    """A hook as a line.

    Args:
        hook: The hook.
        last: Its last delivery; tests do not count.
        recent: Its last calls, oldest first.
        base: What addresses on the page begin with.
    """
    return HookLine(
        id=hook.id,
        target=shown(hook.url),
        page=f"{base}/pages/hooks/{quoted(hook.id)}",
        events=_events(hook),
        status=_status(last.outcome) if last else _NEVER,
        last=f"{_WORDS[last.outcome]}: {answer_words(last.status, last.reason)}" if last else "",
        last_at=last.at if last else None,
        bars=call_bars(recent),
        is_signed=hook.secret is not None,
        is_insecure=hook.insecure_ssl,
        created_at=hook.created_at,
        event=hook.event,
        job_type=hook.job_type.value if hook.job_type else "",
        job=hook.job_name or "",
    )


def call_line(attempt: Attempt) -> CallLine:
    """A call as a line."""
    return CallLine(
        id=attempt.delivery_id,
        event=attempt.event,
        status=_status(attempt.outcome),
        outcome=_WORDS[attempt.outcome],
        answer=answer_words(attempt.status, attempt.reason),
        attempt=attempt.attempt,
        at=attempt.at,
        took=took(timedelta(milliseconds=attempt.duration_ms)),
        next_at=attempt.next_at,
        can_be_repeated=attempt.sequence > 0,
    )


def call_bars(recent: Sequence[Attempt]) -> Bars:
    """The last calls as bars, as high as they took long.

    Args:
        recent: Oldest first.
    """
    last = recent[-_BARS:]
    results = [Result(Status(_status(each.outcome)), each.duration_ms / 1000) for each in last]
    counts = [
        (sum(result.status is status for result in results), word)
        for status, word in ((Status.SUCCESS, "delivered"), (Status.FAILED, "failed"))
    ]
    label = listed(f"{count} {word}" for count, word in counts if count) or "none"
    return replace(bars_of(results, _BARS), label=f"Last {counted(len(last), 'call')}: {label}.")


def _status(outcome: Outcome) -> str:
    return (Status.SUCCESS if outcome is Outcome.DELIVERED else Status.FAILED).value


def _events(hook: Hook) -> str:
    names = "every event" if hook.event == EVERYTHING else listed(hook.event.split(","))
    about = [hook.job_type.value] if hook.job_type else []
    if hook.job_name:
        return f"{names} of the {' '.join([*about, 'job'])} {hook.job_name}"
    return f"{names} of {about[0]} jobs" if about else names
