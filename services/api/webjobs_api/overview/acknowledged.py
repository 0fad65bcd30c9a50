"""Which reasons for attention are covered by an acknowledgement at an instant; pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from webjobs_events.events import Term
from webjobs_events.queries import AcknowledgementView

from webjobs_api.backends.failing_hook import HookAcknowledgement
from webjobs_api.overview.attention import HOOK, Attention, AttentionKind

AttentionKey = tuple[str, str, str]
"""Type and name of a job, or `HOOK` and the id of a hook, and the reason."""

Given = AcknowledgementView | HookAcknowledgement
"""An acknowledgement of a job, or of a hook."""


def covers(acknowledged: Given, attention: Attention, now: datetime) -> bool:
    """Whether an acknowledgement still covers a reason for attention.

    Evidence that is not known at the moment, as while the next run goes on, has not changed. A hook that
    began to fail after it was acknowledged has delivered in between: that has ended the acknowledgement.
    """
    if key_of(attention) != key_of_given(acknowledged):
        return False
    if (
        isinstance(acknowledged, HookAcknowledgement)
        and attention.since
        and attention.since > acknowledged.at
    ):
        return False
    match acknowledged.term:
        case Term.FOREVER:
            return True
        case Term.INSTANT:
            return acknowledged.until is not None and now < acknowledged.until
        case Term.CHANGE:
            return attention.evidence == acknowledged.evidence or not (
                attention.evidence and acknowledged.evidence
            )


def is_over(acknowledged: Given, now: datetime) -> bool:
    """Whether the instant of an acknowledgement has passed."""
    return acknowledged.until is not None and acknowledged.until <= now


def key_of(attention: Attention) -> AttentionKey:
    """Names the reason among those of all jobs and hooks."""
    return attention.type, attention.job, attention.kind.value


def key_of_given(acknowledged: Given) -> AttentionKey:
    """Names the reason that is acknowledged."""
    if isinstance(acknowledged, HookAcknowledgement):
        return HOOK, acknowledged.hook, AttentionKind.HOOK_FAILING.value
    return acknowledged.job_type.value, acknowledged.job_name, acknowledged.kind


def divided(
    attention: Iterable[Attention], acknowledgements: Iterable[Given], now: datetime
) -> tuple[list[Attention], list[tuple[Attention, Given]]]:
    """The reasons for attention that are not covered, and the others with what covers them."""
    known: Mapping[AttentionKey, Given] = {key_of_given(each): each for each in acknowledgements}
    open_ones, covered = [], []
    for each in attention:
        found = known.get(key_of(each))
        if found is not None and covers(found, each, now):
            covered.append((each, found))
        else:
            open_ones.append(each)
    return open_ones, covered
