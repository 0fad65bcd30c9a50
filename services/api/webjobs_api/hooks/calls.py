"""Calls of hooks that a person asks for: a test, and a delivery once more; each is made once."""

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from webjobs_api.hooks.deliverer import stream_of
from webjobs_api.hooks.dispatcher import DISPATCHER
from webjobs_api.hooks.errors import DeliveryNotFound
from webjobs_api.hooks.hook import Attempt, Hook, Outcome, Source
from webjobs_api.hooks.hooks import HOOKS
from webjobs_api.hooks.rendering import Delivery, delivery_of
from webjobs_api.http.keys import BUS
from webjobs_api.http.metrics import HOOK_CALLS

TEST = "Test"
"""Name of what a test sends, which is no event."""


async def send_test(app: web.Application, hook: Hook) -> Attempt:
    """Call a hook with a body that says that it is a test.

    Raises:
        BusUnavailable: The call was made, and NATS does not answer: it is not in the list of deliveries.
    """
    now = datetime.now(UTC)
    body = msgspec.json.encode({"event": TEST, "hook": hook.id, "at": now})
    return await _call(app, hook, Delivery(f"{hook.id}/test/{now:%Y%m%d%H%M%S%f}", TEST, body, {}), 1, 0)


async def send_again(app: web.Application, hook: Hook, delivery_id: str) -> Attempt:
    """Make a delivery once more, out of its order, with the id it had.

    Raises:
        DeliveryNotFound: The hook has no such delivery, or its event is not in the stream any more.
        BusUnavailable: NATS does not answer.
    """
    made = [each for each in await app[HOOKS].attempts(hook) if each.delivery_id == delivery_id]
    delivery = await _found(app, hook, made[0]) if made else None
    if delivery is None:
        raise DeliveryNotFound(delivery_id)
    attempt = max(each.attempt for each in made) + 1
    return await _call(app, hook, delivery, attempt, made[0].sequence)


async def _found(app: web.Application, hook: Hook, made: Attempt) -> Delivery | None:
    if not made.sequence:
        return None
    bus = app[BUS]
    is_published = made.delivery_id.startswith(f"{hook.id}/{Source.PUBLISHED}/")
    source = Source.PUBLISHED if is_published else Source.EVENTS
    pattern = bus.subjects.published(made.event) if is_published else bus.subjects.all_events
    stream = stream_of(bus, source)
    found, _ = await bus.messages_from(stream, pattern, start_sequence=made.sequence, count=1)
    if not found or found[0].sequence != made.sequence:
        return None
    message = found[0]
    delivery = delivery_of(hook, source, message.subject, message.headers, message.data, message.sequence)
    return delivery if delivery is not None and delivery.id == made.delivery_id else None


async def _call(app: web.Application, hook: Hook, delivery: Delivery, attempt: int, sequence: int) -> Attempt:
    at = datetime.now(UTC)
    answer = await app[DISPATCHER].call(hook, delivery, attempt)
    outcome = Outcome.DELIVERED if answer.is_taken else Outcome.FAILED
    HOOK_CALLS.labels(outcome.value).inc()
    made = answer.attempt_at(delivery, sequence, attempt, at, outcome)
    await app[HOOKS].record_attempt(hook, made)
    return made
