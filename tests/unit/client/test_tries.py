"""When a request is sent again, and with which back-off; a plan is driven by hand."""

from typing import Any

import pytest
from webjobs_client import ContactLost
from webjobs_client.exchange import Answer, Broken, Now, Pause, Request, Send
from webjobs_client.tries import Terms, attempt

REFUSED = Broken("Connection refused", was_sent=False)
RESET = Broken("Connection reset by peer", was_sent=True)
NO_CERTIFICATE = Broken("its certificate is not valid", was_sent=False, may_pass=False)


def drive(
    results: list[Any], *, is_repeatable: bool = True, retry_for: float = 10.0
) -> tuple[Any, list[float]]:
    """What became of a request with these results of its tries, and the pauses between them."""
    request = Request(method="POST", target="/x", is_repeatable=is_repeatable)
    plan = attempt(Send(request), Terms("http://h", retry_for))
    pauses: list[float] = []
    given: Any = None
    clock = 0.0
    left = list(results)
    try:
        while True:
            step = plan.throw(given) if isinstance(given, Broken) else plan.send(given)
            given = None
            if isinstance(step, Now):
                given = clock
            elif isinstance(step, Pause):
                clock += step.seconds
                pauses.append(round(step.seconds, 3))
            else:
                assert step == Send(request)
                given = left.pop(0)
    except StopIteration as end:
        assert not left
        return end.value, pauses
    except ContactLost as error:
        assert not left
        return error, pauses


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


OK = answer(200)


@pytest.mark.parametrize(
    "first", [REFUSED, RESET, answer(502), answer(503, retry_after="0"), answer(504), answer(429)]
)
def test_a_repeatable_request_is_sent_again(first: Any) -> None:
    assert drive([first, first, OK]) == (OK, [0.1, 0.2])


@pytest.mark.parametrize("first", [RESET, answer(502), answer(503, retry_after="1")])
def test_one_that_may_have_been_done_is_not(first: Any) -> None:
    result, pauses = drive([first], is_repeatable=False)
    assert pauses == [] and (result is first or "may have been carried out" in str(result))


@pytest.mark.parametrize("first", [REFUSED, answer(429)])
def test_one_that_was_surely_not_done_is(first: Any) -> None:
    assert drive([first, OK], is_repeatable=False) == (OK, [0.1])


@pytest.mark.parametrize("status", [200, 202, 304, 400, 401, 404, 409, 412, 500, 507])
def test_any_other_answer_is_the_answer(status: int) -> None:
    assert drive([answer(status)]) == (answer(status), [])


def test_the_pauses_grow_to_two_seconds_and_end_with_the_time_for_tries() -> None:
    result, pauses = drive([REFUSED] * 9)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]
    assert isinstance(result, ContactLost)
    assert str(result) == (
        "There is no contact with webjobs at http://h: Connection refused. "
        "Check that webjobs runs there and can be reached from here."
    )
    assert drive([REFUSED], retry_for=0)[1] == []


def test_the_server_names_a_longer_pause() -> None:
    assert drive([answer(503, retry_after="4"), answer(429, retry_after="5"), OK]) == (OK, [4, 5])
    late = answer(503, retry_after="60")
    assert drive([late]) == (late, [])
    assert drive([answer(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), OK]) == (OK, [0.1])


def test_a_certificate_does_not_get_better() -> None:
    result, pauses = drive([NO_CERTIFICATE])
    assert isinstance(result, ContactLost) and pauses == []
