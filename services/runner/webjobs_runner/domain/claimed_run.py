"""What to do about a run command: decided from its claim, the stream of events, a cancel request, the clock.

Pure: `runs/claimed_runs.py` collects the facts and performs the decision. One rule stands above the others:
an attempt that may have been started is never started again; it is finished, or aborted with a reason.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunEnded

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claim import UNKNOWN_INSTANCE, Claim
from webjobs_runner.domain.run_on_stream import RunOnStream
from webjobs_runner.domain.run_outcome import (
    Outcome,
    ended_by_request,
    never_begun,
    runner_failed,
    runner_lost,
)

OWNED_DELAY = 5.0
"""Seconds after which a command that another runner owns is delivered again."""

SOON = 0.1
"""Seconds after which a command is delivered again for its next attempt, whose time the claim knows."""


class Owner(StrEnum):
    """Who owns a command that a runner handles."""

    NEW = "new"
    """This handling: the command had no claim, and has ours now."""

    OURS = "ours"
    """This runner since its start, by an earlier handling that did not finish."""

    ALIVE = "alive"
    """Another runner whose lease holds, or whose loss is not proven; or recovery of this one."""

    LOST = "lost"
    """A runner whose lease is gone."""

    WAITING = "waiting"
    """No runner: the next attempt waits for its time."""

    SETTLED = "settled"
    """No runner any more: the claim has left the trace of a settled one."""


class Delivery(StrEnum):
    """How a runner came to a command."""

    NEW = "new"
    """The queue delivers it for the first time, as far as the server knows."""

    REDELIVERED = "redelivered"
    """The queue delivers it again."""

    LOOKED_UP = "looked up"
    """The runner looked it up; the queue goes on delivering it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is known about the claim on a command.

    Attributes:
        owner: Of the claim.
        claim: Its value; None for an owner that is NEW or SETTLED.
    """

    owner: Owner
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start the script of this attempt."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Wait:
    """Have the command delivered again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """Do what follows the final event that is on the stream already.

    Attributes:
        attempt: That has ended.
        end: Its final event.
    """

    attempt: Attempt
    end: RunEnded


@dataclass(frozen=True, slots=True)
class Abort:
    """Publish a final event for an attempt that no runner works on.

    Attributes:
        attempt: To be aborted.
        outcome: How it ends.
        instance: The runner that owned it; empty: the one that decides.
    """

    attempt: Attempt
    outcome: Outcome
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """Remove the command from the queue: its run is over, or there will be none."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Leave the command to the runner to which the queue delivers it."""


Decision = Start | Wait | Finish | Abort | Settle | Ignore


def decide(
    command: RunTriggeredJob,
    claimed: Claimed,
    seen: RunOnStream | None,
    delivery: Delivery,
    request: CancelRequest | None,
    now: datetime,
) -> Decision:
    """Returns what to do about a run command.

    Args:
        command: That a runner handles.
        claimed: Who owns it.
        seen: What the stream of events shows of the claimed attempt; None: nothing.
        delivery: How the runner came to the command.
        request: To cancel the claimed attempt; None when there is none.
        now: The current instant.
    """
    has_begun = seen is not None and seen.has_begun
    end = (seen.end or seen.before) if seen is not None else None
    if claimed.owner is Owner.SETTLED:
        return Settle()
    if claimed.claim is None:
        return _of_new(first_attempt(command), seen, request)
    attempt = claimed.claim.attempt_of(command)
    if claimed.owner is Owner.WAITING:
        return _of_waiting(claimed.claim, attempt, seen, request, now)
    if delivery is Delivery.LOOKED_UP:
        return Ignore()
    if end is not None:
        return Finish(attempt, end)
    if claimed.owner is Owner.OURS:
        if has_begun:
            return Abort(attempt, _given_up(request))
        return _start(attempt, request)
    if claimed.owner is Owner.LOST:
        return abort_orphan(attempt, claimed.claim.instance, request)
    return Wait(OWNED_DELAY)


def abort_orphan(attempt: Attempt, lost: str, request: CancelRequest | None) -> Abort:
    """Returns how an attempt ends whose runner is gone.

    Args:
        attempt: That the runner owned.
        lost: Instance id of the runner.
        request: To cancel the attempt; it was there before, so it decides the reason.
    """
    evidence = f"Runner {lost} was lost while it had the run."
    if lost == UNKNOWN_INSTANCE:
        evidence = "The claim on this run could not be read, so no runner has it."
    return Abort(attempt, runner_lost(lost, evidence, request), lost)


def is_early(claim: Claim, request: CancelRequest | None, now: datetime) -> bool:
    """Whether a waiting attempt has nothing to do yet: its time has not come, and nothing cancels it."""
    return request is None and claim.not_before is not None and claim.not_before > now


def _of_new(attempt: Attempt, seen: RunOnStream | None, request: CancelRequest | None) -> Decision:
    """The command had no claim: what the stream shows happened before the claim was lost or expired."""
    if seen is None or not (seen.has_begun or seen.end or seen.before):
        return _start(attempt, request)
    if seen.before is not None and not seen.has_begun and seen.before.attempt == attempt.number:
        return Finish(attempt, seen.before)  # the next attempt still has to start
    return Settle()


def _given_up(request: CancelRequest | None) -> Outcome:
    if request is not None:
        return ended_by_request(request.reason, request.evidence)
    error = "it gave up handling the run after the script may have started."
    return runner_failed(error, has_started=True)


def _start(attempt: Attempt, request: CancelRequest | None) -> Start | Abort:
    if request is None:
        return Start(attempt)
    return Abort(attempt, never_begun(request.reason, request.evidence))


def _of_waiting(
    claim: Claim,
    attempt: Attempt,
    seen: RunOnStream | None,
    request: CancelRequest | None,
    now: datetime,
) -> Decision:
    end = (seen.end or seen.before) if seen is not None else None
    if end is not None:
        return Finish(attempt, end)
    if seen is not None and seen.has_begun:  # the claim was lost with its bucket, and an older one is back
        return abort_orphan(attempt, UNKNOWN_INSTANCE, request)
    if attempt.not_before is not None and is_early(claim, request, now):
        return Wait((attempt.not_before - now).total_seconds())
    return _start(attempt, request)
