"""Decides whether a hook keeps failing; pure."""

from collections.abc import Iterable
from datetime import datetime

from webjobs_api.backends.failing_hook import FailingHook
from webjobs_api.hooks.hook import Hook, HookState, Outcome
from webjobs_api.hooks.responses import answer_words
from webjobs_api.hooks.target import shown

FAILURES = 3
"""So many calls that failed in a row are a reason for attention, or one delivery that was given up."""


def failures_after(known: HookState | None, outcome: Outcome, at: datetime) -> tuple[int, datetime | None]:
    """How many calls of one source have failed in a row after another one, and when the first was made.

    Args:
        known: The state before; None before the first call.
        outcome: How the call ended.
        at: When it was made.

    Returns 0 and None after a call that was taken.
    """
    if outcome is Outcome.DELIVERED:
        return 0, None
    if known is None or known.outcome is Outcome.DELIVERED:
        return 1, at
    return failures_of(known) + 1, known.failing_since or known.at


def failures_of(state: HookState) -> int:
    """How many calls in a row have failed; of a state that an earlier release wrote, at least so many."""
    if state.outcome is Outcome.DELIVERED:
        return 0
    return max(state.failures, state.attempt)


def failing_hook(hook: Hook, states: Iterable[HookState]) -> FailingHook | None:
    """What is said of a hook that keeps failing; None when it does not.

    Args:
        hook: The hook.
        states: Of each of its sources, as far as it was called for one.
    """
    failing = [each for each in states if failures_of(each) >= FAILURES or each.outcome is Outcome.GAVE_UP]
    if not failing:
        return None
    worst = max(failing, key=failures_of)
    return FailingHook(
        id=hook.id,
        target=shown(hook.url),
        failures=failures_of(worst),
        since=worst.failing_since or worst.at,
        cause=answer_words(worst.status, worst.reason),
        evidence=f"status {worst.status}" if worst.status is not None else worst.reason.partition(":")[0],
    )
