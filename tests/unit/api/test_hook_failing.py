"""Does a hook keep failing, how often, and since when?"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from webjobs_api.hooks.failing import failing_hook, failures_after
from webjobs_api.hooks.hook import Hook, HookState, Outcome
from webjobs_api.overview.attention import attention_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOOK = Hook(
    id="h1", url="https://ann:pw@example.com/x", event="*", base_url="http://here", after={}, created_at=NOW
)


def state(outcome: Outcome, failures: int = 0, **changes: Any) -> HookState:
    facts: dict[str, Any] = {
        "sequence": 7,
        "attempt": 1,
        "at": NOW,
        "status": 503,
        "reason": "",
        "context": "",
        "failing_since": NOW - MINUTE if failures else None,
    }
    return HookState(outcome=outcome, failures=failures, **(facts | changes))


TAKEN, FAILED = state(Outcome.DELIVERED), state(Outcome.WILL_RETRY, 2)


@pytest.mark.parametrize(
    ("known", "outcome", "expected"),
    [
        (None, Outcome.DELIVERED, (0, None)),
        (None, Outcome.WILL_RETRY, (1, NOW)),
        (TAKEN, Outcome.WILL_RETRY, (1, NOW)),
        (FAILED, Outcome.DELIVERED, (0, None)),
        (FAILED, Outcome.WILL_RETRY, (3, NOW - MINUTE)),
        (state(Outcome.GAVE_UP, 5), Outcome.WILL_RETRY, (6, NOW - MINUTE)),
        # Written by a release that did not count.
        (state(Outcome.WILL_RETRY, attempt=4, at=NOW - MINUTE), Outcome.WILL_RETRY, (5, NOW - MINUTE)),
    ],
)
def test_failures_in_a_row_are_counted(
    known: HookState | None, outcome: Outcome, expected: tuple[int, datetime | None]
) -> None:
    assert failures_after(known, outcome, NOW) == expected


@pytest.mark.parametrize(
    ("states", "failures"),
    [
        ([], 0),
        ([TAKEN], 0),
        ([FAILED], 0),
        ([state(Outcome.WILL_RETRY, 3)], 3),
        ([TAKEN, state(Outcome.WILL_RETRY, 3)], 3),
        ([state(Outcome.WILL_RETRY, 3), state(Outcome.WILL_RETRY, 9)], 9),
        ([state(Outcome.GAVE_UP, 1)], 1),
        ([state(Outcome.WILL_RETRY, attempt=8)], 8),
    ],
)
def test_a_hook_keeps_failing_after_three_calls_in_a_row(states: list[HookState], failures: int) -> None:
    found = failing_hook(HOOK, states)
    assert (found.failures if found else 0) == failures


@pytest.mark.parametrize(
    ("status", "reason", "cause", "evidence"),
    [
        (503, "", "503 ServiceUnavailable", "status 503"),
        (500, "Oh. ", "500 Oh", "status 500"),
        (None, "no answer within 10 s", "no answer within 10 s", "no answer within 10 s"),
        (None, "ClientError: port 80", "ClientError: port 80", "ClientError"),
    ],
)
def test_the_reason_for_attention_is_a_sentence(
    status: int | None, reason: str, cause: str, evidence: str
) -> None:
    found = failing_hook(HOOK, [state(Outcome.WILL_RETRY, 3, status=status, reason=reason)])
    assert found is not None
    (attention,) = attention_of([], [], NOW, hooks=[found])
    assert attention.sentence.text(NOW) == f"3 calls in a row failed; the last one: {cause}."
    assert (attention.since, attention.evidence) == (NOW - MINUTE, evidence)
    assert attention.target == "https://***@example.com/x"
