"""One call of one hook."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import aiohttp
from yarl import URL

from webjobs_api.hooks.hook import Attempt, Hook, Outcome
from webjobs_api.hooks.rendering import Delivery

_LONGEST_REASON = 300  # characters


@dataclass(frozen=True, slots=True)
class Answer:
    """How a receiver answered.

    Attributes:
        status: HTTP status; None when there was no answer.
        reason: In words.
        seconds: Until then.
        retry_after: Seconds after which the receiver requests the next call.
    """

    status: int | None
    reason: str
    seconds: float
    retry_after: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    def attempt_at(
        self,
        delivery: Delivery,
        sequence: int,
        number: int,
        at: datetime,
        outcome: Outcome,
        next_at: datetime | None = None,
    ) -> Attempt:
        """The try that it answers, for the list of deliveries; the arguments as in `Attempt`."""
        return Attempt(
            delivery_id=delivery.id,
            event=delivery.event,
            sequence=sequence,
            attempt=number,
            at=at,
            duration_ms=round(self.seconds * 1000),
            status=self.status,
            reason=self.reason,
            outcome=outcome,
            next_at=next_at,
        )

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == HTTPStatus.GONE


async def send(
    session: aiohttp.ClientSession, hook: Hook, delivery: Delivery, attempt: int, timeout: float
) -> Answer:
    """Call a hook once; redirects are answers like others, and the answer's body is not read."""
    headers = delivery.headers(hook, attempt, int(time.time()))
    began = time.monotonic()
    status, reason, retry_after = None, "", 0.0
    try:
        async with (
            asyncio.timeout(timeout),
            session.post(
                URL(hook.url),
                data=delivery.body,
                headers=headers,
                allow_redirects=False,
                ssl=not hook.insecure_ssl,
            ) as answer,
        ):
            status, reason = answer.status, answer.reason or ""
            retry_after = parse_retry_after(answer.headers.get("Retry-After", ""))
    except TimeoutError:
        reason = f"no answer within {timeout:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Answer(status, reason[:_LONGEST_REASON], time.monotonic() - began, retry_after)


def parse_retry_after(retry_after: str) -> float:
    """Seconds in a header Retry-After; 0 when it has none, or a date."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10
    return float(retry_after) if is_number else 0.0
