"""What a runner does about a run command: a row for each owner, stream, delivery and cancel request."""

from datetime import UTC, datetime, timedelta

import pytest
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunAborted, RunFailed, RunSuccess
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import Retry
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.domain.claim import UNKNOWN_INSTANCE, Claim, claim_on
from webjobs_runner.domain.claimed_run import (
    OWNED_DELAY,
    Abort,
    Claimed,
    Decision,
    Delivery,
    Finish,
    Ignore,
    Owner,
    Settle,
    Start,
    Wait,
    decide,
)
from webjobs_runner.domain.run_on_stream import RunOnStream
from webjobs_runner.domain.run_outcome import Ended, Outcome, final_event

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
RUN, NEXT = RunId("202611280159590000"), RunId("202611280201000000")
COMMAND = RunTriggeredJob(
    command_id="run/nightly/1",
    job_type=JobType.TRIGGERED,
    job_name=JobName("nightly"),
    requested_at=NOW - timedelta(seconds=1),
    requested_by="Test",
    run_id=RUN,
)
FIRST = first_attempt(COMMAND)
SECOND = FIRST.after(NEXT, NOW)
CANCEL = CancelRequest(evidence="Cancelled by Test.", requested_at=NOW)
SUCCESS = final_event(
    Ended(FIRST, Outcome(RunSuccess, Reason.EXIT_CODE)), instance_id="aaaaaa", retry=None, now=NOW
)
FAILED = final_event(
    Ended(FIRST, Outcome(RunFailed, Reason.EXIT_CODE)),
    instance_id="aaaaaa",
    retry=Retry(max_attempts=3, backoff=60.0),
    now=NOW,
)
STREAM = {
    "nothing": None,
    "begun": RunOnStream(5, FIRST, has_begun=True, digest="d"),
    "final": RunOnStream(6, FIRST, has_begun=True, digest="d", end=SUCCESS),
    "next": RunOnStream(7, SECOND, before=FAILED),
}
WAITING_STREAM = {
    "nothing": RunOnStream(7, SECOND),
    "begun": RunOnStream(8, SECOND, has_begun=True),
    "final": RunOnStream(9, SECOND, has_begun=True, end=SUCCESS),
    "next": RunOnStream(9, SECOND.after(RunId("202611280202000000"), NOW), before=FAILED),
}


def _claimed(owner: Owner) -> Claimed:
    if owner in (Owner.NEW, Owner.SETTLED):
        return Claimed(owner)
    if owner is Owner.WAITING:
        return Claimed(owner, claim_on(SECOND, "", "", 4))
    return Claimed(owner, claim_on(FIRST, "aaaaaa", "boot", 4))


# Each cell: without a cancel request / with one. "cancel" ends the attempt as cancelled,
# "abort" as lost, "abort/cancelled" as lost with the request as its reason.
TABLE = """
owner    stream   new                    redelivered            looked up
new      nothing  start cancel           start cancel           start cancel
new      begun    settle settle          settle settle          settle settle
new      final    settle settle          settle settle          settle settle
new      next     finish finish          finish finish          finish finish
ours     nothing  start cancel           start cancel           ignore ignore
ours     begun    abort cancel           abort cancel           ignore ignore
ours     final    finish finish          finish finish          ignore ignore
ours     next     finish finish          finish finish          ignore ignore
alive    nothing  wait wait              wait wait              ignore ignore
alive    begun    wait wait              wait wait              ignore ignore
alive    final    finish finish          finish finish          ignore ignore
alive    next     finish finish          finish finish          ignore ignore
lost     nothing  abort abort/cancelled  abort abort/cancelled  ignore ignore
lost     begun    abort abort/cancelled  abort abort/cancelled  ignore ignore
lost     final    finish finish          finish finish          ignore ignore
lost     next     finish finish          finish finish          ignore ignore
waiting  nothing  start cancel           start cancel           start cancel
waiting  begun    abort abort/cancelled  abort abort/cancelled  abort abort/cancelled
waiting  final    finish finish          finish finish          finish finish
waiting  next     finish finish          finish finish          finish finish
settled  nothing  settle settle          settle settle          settle settle
settled  begun    settle settle          settle settle          settle settle
settled  final    settle settle          settle settle          settle settle
settled  next     settle settle          settle settle          settle settle
"""
DELIVERIES = [Delivery.NEW, Delivery.REDELIVERED, Delivery.LOOKED_UP]


def _rows() -> list[tuple[Owner, str, Delivery, CancelRequest | None, str]]:
    rows = []
    for line in TABLE.strip().splitlines()[1:]:
        owner, stream, *cells = line.split()
        for number, expected in enumerate(cells):
            request = CANCEL if number % 2 else None
            rows.append((Owner(owner), stream, DELIVERIES[number // 2], request, expected))
    return rows


def _in_words(decision: Decision) -> str:
    if not isinstance(decision, Abort):
        return type(decision).__name__.lower()
    if decision.outcome.reason is not Reason.CANCELLED:
        return "abort"
    return "abort/cancelled" if decision.instance else "cancel"


@pytest.mark.parametrize(
    ("owner", "stream", "delivery", "request_", "expected"),
    [
        pytest.param(*row, id=f"{row[0]}-{row[1]}-{row[2]}-{'cancel' if row[3] else 'no cancel'}")
        for row in _rows()
    ],
)
def test_each_row_of_the_table(
    owner: Owner, stream: str, delivery: Delivery, request_: CancelRequest | None, expected: str
) -> None:
    seen = (WAITING_STREAM if owner is Owner.WAITING else STREAM)[stream]
    assert _in_words(decide(COMMAND, _claimed(owner), seen, delivery, request_, NOW)) == expected


def test_the_table_has_every_row() -> None:
    assert len(_rows()) == len(Owner) * len(STREAM) * len(DELIVERIES) * 2 == 144


def test_the_first_attempt_starts_under_the_run_id_of_the_command() -> None:
    assert decide(COMMAND, Claimed(Owner.NEW), None, Delivery.NEW, None, NOW) == Start(FIRST)


def test_the_attempt_that_waits_starts_under_its_own_run_id() -> None:
    decision = decide(COMMAND, _claimed(Owner.WAITING), None, Delivery.REDELIVERED, None, NOW)
    assert decision == Start(SECOND)


@pytest.mark.parametrize("seconds", [0.25, 5, 86_400])
def test_an_attempt_whose_time_has_not_come_waits_until_then(seconds: float) -> None:
    before = NOW - timedelta(seconds=seconds)
    decision = decide(COMMAND, _claimed(Owner.WAITING), None, Delivery.REDELIVERED, None, before)
    assert decision == Wait(seconds)


def test_a_cancelled_attempt_does_not_wait_for_its_time() -> None:
    before = NOW - timedelta(hours=1)
    decision = decide(COMMAND, _claimed(Owner.WAITING), None, Delivery.REDELIVERED, CANCEL, before)
    assert isinstance(decision, Abort)
    assert decision.attempt == SECOND
    assert decision.outcome.evidence == "Cancelled by Test. It had not begun."


def test_a_command_of_a_live_runner_is_looked_at_again_after_a_while() -> None:
    decision = decide(COMMAND, _claimed(Owner.ALIVE), None, Delivery.REDELIVERED, None, NOW)
    assert decision == Wait(OWNED_DELAY)


def test_the_final_event_on_the_stream_is_finished_with() -> None:
    decision = decide(COMMAND, _claimed(Owner.LOST), STREAM["final"], Delivery.REDELIVERED, None, NOW)
    assert decision == Finish(FIRST, SUCCESS)


def test_a_run_of_a_lost_runner_names_it() -> None:
    decision = decide(COMMAND, _claimed(Owner.LOST), STREAM["begun"], Delivery.REDELIVERED, None, NOW)
    assert isinstance(decision, Abort)
    assert (decision.instance, decision.outcome.reason) == ("aaaaaa", Reason.RUNNER_LOST)
    assert decision.outcome.evidence == "Runner aaaaaa was lost while it had the run."


def test_an_unreadable_claim_is_that_of_no_runner() -> None:
    claimed = Claimed(Owner.LOST, Claim(instance=UNKNOWN_INSTANCE, boot=""))
    decision = decide(COMMAND, claimed, None, Delivery.REDELIVERED, None, NOW)
    assert isinstance(decision, Abort)
    assert decision.outcome.evidence == "The claim on this run could not be read, so no runner has it."


def test_what_this_runner_may_have_started_is_not_started_again() -> None:
    decision = decide(COMMAND, _claimed(Owner.OURS), STREAM["begun"], Delivery.REDELIVERED, None, NOW)
    assert isinstance(decision, Abort)
    assert (decision.outcome.event, decision.outcome.reason) == (RunAborted, Reason.RUNNER_LOST)


def test_a_retry_that_began_after_its_claim_was_lost_is_not_announced_again() -> None:
    seen = RunOnStream(8, SECOND, has_begun=True, before=FAILED)
    assert decide(COMMAND, Claimed(Owner.NEW), seen, Delivery.REDELIVERED, None, NOW) == Settle()


def test_nothing_else_may_happen_to_a_command_that_was_looked_up() -> None:
    decision = decide(COMMAND, _claimed(Owner.ALIVE), STREAM["final"], Delivery.LOOKED_UP, None, NOW)
    assert decision == Ignore()
