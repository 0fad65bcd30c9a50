"""Delivers events to one hook in order, each until it is accepted."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial

import aiohttp
import structlog
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.jetstream import Bus, ConsumerTerms, QueuedMessage, WorkQueue, end_subscription

from webjobs_api.hooks.back_off import HookTerms
from webjobs_api.hooks.failing import failures_after
from webjobs_api.hooks.hook import Hook, HookState, Outcome, Source
from webjobs_api.hooks.hooks import Hooks
from webjobs_api.hooks.rendering import Delivery, delivery_of
from webjobs_api.hooks.sender import Answer, send
from webjobs_api.http.metrics import HOOK_CALLS

log = structlog.stdlib.get_logger(__name__)

PREFIX = "hook-"
_CONTEXT = 8192  # characters of a body that are kept to look at
_RETRY_DELAY = 0.5  # seconds after which a call that NATS kept from being made is due again


def durable_name(hook_id: str) -> str:
    """Name under which all apis together remember how far a hook has come."""
    return f"{PREFIX}{hook_id}"


def stream_of(bus: Bus, source: Source) -> str:
    """The stream behind a source."""
    return bus.subjects.events_stream if source is Source.EVENTS else bus.subjects.published_stream


class Deliverer:
    """One hook and one source of its events.

    All apis share one durable consumer, which hands out one message at a time: each is delivered by one of
    them, in the order of the stream, and another takes over when one is killed.
    """

    def __init__(
        self,
        bus: Bus,
        hooks: Hooks,
        session: aiohttp.ClientSession,
        terms: HookTerms,
        hook: Hook,
        source: Source,
    ) -> None:
        self._bus = bus
        self._hooks = hooks
        self._session = session
        self._terms = terms
        self._hook = hook
        self._source = source
        self._stream = stream_of(bus, source)
        self._in_progress: asyncio.Queue[QueuedMessage] = asyncio.Queue()
        self._is_busy = False

    async def run(self) -> None:
        """Deliver until cancelled."""
        queue = self._bus.subscription(
            self._stream,
            durable=durable_name(self._hook.id),
            filters=self._filters,
            terms=ConsumerTerms(
                ack_wait=self._terms.ack_wait,
                at_a_time=1,
                start_sequence=self._hook.after.get(self._source, 0) + 1,
                since=self._hook.created_at,
            ),
            room=lambda: 0 if self._is_busy else 1,
            on_message=self._take,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.run())
            group.create_task(self._work(queue))

    async def forget(self) -> None:
        """Remove what the server remembers of it: the hook is gone.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        await end_subscription(self._bus, self._stream, durable_name(self._hook.id))

    @property
    def _filters(self) -> list[str]:
        if self._source is Source.PUBLISHED:
            return [self._bus.subjects.published(self._hook.event)]
        return self._hook.filter.subjects(self._bus.subjects)

    def _take(self, message: QueuedMessage) -> None:
        self._is_busy = True
        self._in_progress.put_nowait(message)

    async def _work(self, queue: WorkQueue) -> None:
        while True:
            message = await self._in_progress.get()
            try:
                await self._settle(message)
            except BusUnavailable as error:  # it is handed out again
                log.info("delivery waits for nats", hook=self._hook.id, error=str(error))
                await message.give_back(_RETRY_DELAY)
            except BaseException:
                await message.give_back(0)
                raise
            finally:
                self._is_busy = not self._in_progress.empty()
                queue.room_changed()

    async def _settle(self, message: QueuedMessage) -> None:
        known = await self._hooks.state(self._hook, self._source)
        delivery = self._delivery(message)
        if delivery is None or (known and _had(known, message)):
            await message.done()
            return
        attempt = known.attempt + 1 if known and known.sequence == message.sequence else 1
        began_at = datetime.now(UTC)
        answer = await send(self._session, self._hook, delivery, attempt, self._terms.timeout)
        outcome = self._outcome(answer, attempt, began_at - message.stored_at)
        wait = self._terms.wait(attempt, random.random(), answer.retry_after)  # spreads load, guards nothing
        failures = failures_after(known, outcome, began_at)
        await self._record(message, delivery, attempt, answer, outcome, began_at, wait, failures)
        if outcome is Outcome.WILL_RETRY:
            await message.give_back(wait)
            return
        if outcome is Outcome.UNSUBSCRIBED:
            await self._hooks.remove(self._hook)
        await message.done()

    def _delivery(self, message: QueuedMessage) -> Delivery | None:
        try:
            return delivery_of(
                self._hook, self._source, message.subject, message.headers, message.data, message.sequence
            )
        except UndecodableMessage as error:
            log.warning("event not delivered to a hook", hook=self._hook.id, error=str(error))
            return None

    def _outcome(self, answer: Answer, attempt: int, age: timedelta) -> Outcome:
        if answer.is_taken:
            return Outcome.DELIVERED
        if answer.is_gone:
            return Outcome.UNSUBSCRIBED
        return Outcome.GAVE_UP if self._terms.gives_up(attempt, age) else Outcome.WILL_RETRY

    async def _record(
        self,
        message: QueuedMessage,
        delivery: Delivery,
        attempt: int,
        answer: Answer,
        outcome: Outcome,
        at: datetime,
        wait: float,
        failures: tuple[int, datetime | None],
    ) -> None:
        HOOK_CALLS.labels(outcome.value).inc()
        log_outcome = log.debug if outcome is Outcome.DELIVERED else log.info
        log_outcome(
            "hook called",
            hook=self._hook.id,
            delivery=delivery.id,
            attempt=attempt,
            status=answer.status,
            reason=answer.reason,
            outcome=outcome.value,
        )
        state = HookState(
            sequence=message.sequence,
            attempt=attempt,
            at=at,
            outcome=outcome,
            status=answer.status,
            reason=answer.reason,
            context=delivery.body.decode("utf-8", "replace")[:_CONTEXT],
            failures=failures[0],
            failing_since=failures[1],
        )
        next_at = datetime.now(UTC) + timedelta(seconds=wait) if outcome is Outcome.WILL_RETRY else None
        attempt_made = answer.attempt_at(delivery, message.sequence, attempt, at, outcome, next_at)
        # A call that was made is never forgotten, however long NATS is away.
        outage = self._bus.connection.outage_of("recording of calls of hooks")
        await outage.retry(partial(self._hooks.record, self._hook, self._source, state, attempt_made))


def _had(known: HookState, message: QueuedMessage) -> bool:
    """Whether the hook has it already. A stream that was created again repeats sequences, at later times."""
    return known.is_settled and known.sequence >= message.sequence and message.stored_at <= known.at
