"""A hook and its calls in words."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from webjobs_api.hooks.hook import Attempt, Hook, HookState, Outcome
from webjobs_api.pages.hook_lines import call_bars, call_line, hook_line
from webjobs_rules.job import JobType

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOOK = Hook(
    id="a b",
    url="https://ann:secret@example.com/x",
    event="*",
    secret="key",
    base_url="http://here",
    after={},
    created_at=NOW,
)
CALL = Attempt(
    delivery_id="a b/triggered/hello/1/Failed",
    event="Failed",
    sequence=7,
    attempt=2,
    at=NOW,
    duration_ms=93,
    status=503,
    reason="",
    outcome=Outcome.WILL_RETRY,
    next_at=NOW,
)


@pytest.mark.parametrize(
    ("event", "job_type", "job", "words"),
    [
        ("*", None, None, "every event"),
        ("Failed,Aborted", None, None, "Failed and Aborted"),
        ("Failed", JobType.TRIGGERED, None, "Failed of triggered jobs"),
        ("Failed", None, "hello", "Failed of the job hello"),
        ("*", JobType.CONTINUOUS, "w", "every event of the continuous job w"),
    ],
)
def test_what_a_hook_is_for_is_written_in_words(
    event: str, job_type: JobType | None, job: str | None, words: str
) -> None:
    hook = replace(HOOK, event=event, job_type=job_type, job_name=job)
    assert hook_line(hook, None, [], "").events == words


def test_a_line_of_a_hook_holds_no_secret() -> None:
    line = hook_line(HOOK, None, [], "/x")
    assert "secret" not in repr(line) and "key" not in repr(line)
    assert (line.target, line.page) == ("https://***@example.com/x", "/x/pages/hooks/a%20b")
    assert (line.status, line.last, line.is_signed) == ("Never", "", True)


@pytest.mark.parametrize(
    ("outcome", "status", "reason", "word", "text"),
    [
        (Outcome.DELIVERED, 200, "OK", "Success", "Delivered: 200 OK"),
        (Outcome.WILL_RETRY, 404, "", "Failed", "Will be repeated: 404 NotFound"),
        (Outcome.GAVE_UP, None, "no answer within 10 s", "Failed", "Given up: no answer within 10 s"),
        (Outcome.UNSUBSCRIBED, 410, "Gone", "Failed", "Unsubscribed: 410 Gone"),
    ],
)
def test_the_last_delivery_is_a_status_and_a_sentence(
    outcome: Outcome, status: int | None, reason: str, word: str, text: str
) -> None:
    state = HookState(
        sequence=1, attempt=1, at=NOW, outcome=outcome, status=status, reason=reason, context=""
    )
    line = hook_line(HOOK, state, [], "")
    assert (line.status, line.last, line.last_at) == (word, text, NOW)


def test_a_call_can_be_repeated_unless_it_is_a_test() -> None:
    line = call_line(CALL)
    assert (line.status, line.answer, line.took) == ("Failed", "503 ServiceUnavailable", "93 ms")
    assert (line.can_be_repeated, call_line(replace(CALL, sequence=0)).can_be_repeated) == (True, False)


def test_the_bars_of_calls_say_what_they_show() -> None:
    delivered = replace(CALL, outcome=Outcome.DELIVERED)
    assert call_bars([CALL, delivered, delivered]).label == "Last 3 calls: 2 delivered and 1 failed."
    assert call_bars([delivered] * 30).label == "Last 20 calls: 20 delivered."
    assert call_bars([]).paths == []
