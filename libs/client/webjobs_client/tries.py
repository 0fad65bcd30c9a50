"""How often a request is tried, and when it is sent again; pure."""

import msgspec

from webjobs_client.errors import ClientError, contact_lost
from webjobs_client.exchange import Answer, Broken, Now, Open, Pause, Plan, Send

FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 2.0

_NOT_DONE = frozenset({429})
"""Statuses after which nothing was done, whatever was asked for."""

_AWAY = frozenset({502, 503, 504})
"""Statuses after which a repeatable request may be sent again."""


class Terms(msgspec.Struct, frozen=True):
    """What every request of a client has in common.

    Attributes:
        url: Address of the api, for messages; without credentials.
        retry_for: Seconds during which a request that could not be carried out is sent again.
    """

    url: str
    retry_for: float


def back_off(tries: int) -> float:
    """Returns the seconds to wait after so many tries in vain, from 0."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 10))


def attempt(step: Send | Open, terms: Terms) -> Plan[Answer]:
    """Returns the answer to a request, of the last try when all were in vain.

    Raises:
        ContactLost: There was none.
    """
    request = step.request
    began: float = yield Now()
    tries = 0
    while True:
        pause = back_off(tries)
        answer: Answer | None = None
        error: ClientError | None = None
        try:
            answer = yield step
        except Broken as broken:
            error = contact_lost(terms.url, broken.reason)
            if not broken.may_pass or (broken.was_sent and not request.is_repeatable):
                raise _perhaps_done(error, broken) from broken
        if answer is not None:
            if not (answer.status in _NOT_DONE or (answer.status in _AWAY and request.is_repeatable)):
                return answer
            pause = max(pause, _retry_after(answer))
        now: float = yield Now()
        if now - began + pause > terms.retry_for:
            if answer is not None:
                return answer
            assert error is not None
            raise error
        yield Pause(pause)
        tries += 1


def _perhaps_done(error: ClientError, broken: Broken) -> ClientError:
    if broken.was_sent and broken.may_pass:
        error.remedy = "The request may have been carried out: look before you send it again."
        error.args = (f"{error.message} {error.remedy}",)
    return error


def _retry_after(answer: Answer) -> float:
    """Returns the seconds of `Retry-After`; 0 without it, or when it is a date."""
    text = answer.header("retry-after") or ""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
