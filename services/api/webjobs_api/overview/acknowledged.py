"""Which reasons for attention are covered by an acknowledgement at an instant; pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from webjobs_events.events import Term
from webjobs_events.queries import AcknowledgementView

from webjobs_api.overview.attention import Attention

AttentionKey = tuple[str, str, str]
"""Type and name of a job, and the reason."""


def covers(acknowledged: AcknowledgementView, attention: Attention, now: datetime) -> bool:
    """Whether an acknowledgement still covers a reason for attention of its job.

    Evidence that is not known at the moment, as while the next run goes on, has not changed.
    """
    if key_of(attention) != (acknowledged.job_type.value, acknowledged.job_name, acknowledged.kind):
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


def is_over(acknowledged: AcknowledgementView, now: datetime) -> bool:
    """Whether the instant of an acknowledgement has passed."""
    return acknowledged.until is not None and acknowledged.until <= now


def key_of(attention: Attention) -> AttentionKey:
    """Names the reason among those of all jobs."""
    return attention.type, attention.job, attention.kind.value


def divided(
    attention: Iterable[Attention], acknowledgements: Iterable[AcknowledgementView], now: datetime
) -> tuple[list[Attention], list[tuple[Attention, AcknowledgementView]]]:
    """The reasons for attention that are not covered, and the others with what covers them."""
    known: Mapping[AttentionKey, AcknowledgementView] = {
        (each.job_type.value, each.job_name, each.kind): each for each in acknowledgements
    }
    open_ones, covered = [], []
    for each in attention:
        found = known.get(key_of(each))
        if found is not None and covers(found, each, now):
            covered.append((each, found))
        else:
            open_ones.append(each)
    return open_ones, covered
