"""Follows the event stream and keeps the rows current; of all replicas, one at a time.

The session that writes also holds the lock of the replica that projects: without the lock it cannot write.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event
from webjobs_events.jetstream import (
    Bus,
    StreamMessage,
    StreamState,
    first_after,
    stored_at_ns,
    stream_state,
)
from webjobs_events.outage import Outage
from webjobs_rules.errors import WebJobsError
from webjobs_service.lifetime import cancellable, leaves

from webjobs_history import metrics, store
from webjobs_history.batch import Unreadable, decode_batch
from webjobs_history.damage import Damage
from webjobs_history.database import TROUBLES, Session, describe, open_session, sqlstate_of
from webjobs_history.domain.fold import Fold, keys_of
from webjobs_history.domain.resume import Place, Resume, Stream, resume
from webjobs_history.errors import ConnectionLost, PositionMoved, StreamReplaced
from webjobs_history.migrations.migrate import migrate
from webjobs_history.progress import Progress

log = structlog.stdlib.get_logger(__name__)

MAX_BATCH = 500  # events
PACE = 0.05  # seconds between the starts of two transactions, unless a batch is full
READ_AHEAD = 4 * MAX_BATCH  # events
LOCK_POLL = 0.5  # seconds between tries to become the one who projects
# In a row that found another replica at it, after which this one counts as a healthy standby.
_STANDBY_POLLS = 4
CHECK_INTERVAL = 5.0  # seconds between looks at the stream's identity and end
RETRY_DELAY = 0.5  # seconds

_PASSING = (BusUnavailable, ConnectionLost, PositionMoved, StreamReplaced, *TROUBLES)
_UNSTORABLE = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE, for values that no retry makes storable: bad data, broken constraints, too large."""

Committed = Callable[[Fold, int], None]
"""Called with each committed fold and the position after it."""

Companion = Callable[["Projector"], AbstractAsyncContextManager[None]]
"""What lives as long as this replica projects."""


class Projector:
    """The loop that projects, and waits for its turn while another replica does."""

    def __init__(self, bus: Bus, database_url: str, progress: Progress, damage: Damage | None = None) -> None:
        self._bus = bus
        self._damage = damage or Damage()
        self._database_url = database_url
        self._progress = progress
        self._stream = bus.subjects.events_stream
        self._listeners: list[Committed] = []
        self.outage = Outage(log, "projection", explained_by=lambda: not bus.is_connected)
        self.trouble = ""
        """Why the last try to project ended; empty once the rows are complete, or another does it."""
        self.has_current_tables = False
        """Whether the tables were seen to be those of this release, or a later one."""
        self.losses: list[str] = []
        """What the stream of events has lost since the rows were begun, oldest first."""
        self.position = 0
        """Sequence of the last event committed, while this replica projects."""
        self.replay_until = 0
        """End of the stream when this replica began to project."""

    def on_commit(self, listener: Committed) -> None:
        """Call the listeners after each commit."""
        self._listeners.append(listener)

    async def run(self, companions: Sequence[Companion] = ()) -> None:
        """Project for ever; whatever is away is waited for."""
        while True:
            try:
                await self._project_while_leader(companions)
            except* _PASSING as group:
                errors = leaves(group)
                reason = "; ".join(self._damage.record(error) for error in errors)
                if any(isinstance(error, PositionMoved) for error in errors):
                    self._damage.resolved()  # by a rebuild
                self.outage.failed(reason)
                self.trouble = reason
            # A task group that ends with errors swallows a cancellation that came at the same time.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError
            await asyncio.sleep(RETRY_DELAY)

    async def _project_while_leader(self, companions: Sequence[Companion]) -> None:
        async with self._session_with_lock() as session, asyncio.TaskGroup() as group:
            over = await self._watch_session(session)
            created_at = await self._take_position(session)
            watching = [
                group.create_task(self._stop_projecting(over), name="end of the turn"),
                group.create_task(cancellable(self._watch_stream(created_at)), name="watch stream"),
            ]
            try:
                async with contextlib.AsyncExitStack() as stack:
                    for companion in companions:
                        await stack.enter_async_context(companion(self))
                    await cancellable(self._follow(session, over))
            finally:
                self._progress.ended()
                for task in watching:
                    task.cancel()

    @contextlib.asynccontextmanager
    async def _session_with_lock(self) -> AsyncIterator[Session]:
        """A session with current tables that holds the projector's lock; its end gives the lock back."""
        async with open_session(self._database_url, "projector") as session:
            await migrate(session)
            self.has_current_tables = True
            self.losses = await session.run(store.losses)
            polls = 0
            # Asked again and again: a session that waits inside Postgres would hold back its vacuum.
            while not await session.run(store.take_lock):
                await asyncio.sleep(LOCK_POLL)
                polls += 1
                if polls == _STANDBY_POLLS:
                    self._is_well()
            yield session

    async def _take_position(self, session: Session) -> datetime:
        """Find where to go on, with the rows that are there; returns when the stream was made."""
        state = await stream_state(self._bus, self._stream)
        stored = await session.run(store.load_position)
        going_on = await self.going_on(session, stored, state)
        if stored is None or going_on.loss or going_on.sequence != stored.sequence:
            await session.run(
                store.place,
                self._stream,
                state.created_at,
                going_on.sequence,
                state.last,
                loss=going_on.loss,
            )
        if going_on.loss:
            log.error("events were lost", loss=going_on.loss)
            self.losses.append(going_on.loss)
        metrics.LOSSES.set(len(self.losses))
        self.position = going_on.sequence
        self.replay_until = state.last
        if self.position >= state.last:
            self._is_well()
        self._progress.reached(self.position)
        log.info("projecting", position=self.position, end=state.last)
        return state.created_at

    async def going_on(self, session: Session, stored: store.Position | None, state: StreamState) -> Resume:
        """Where the projection goes on, and what the stream has lost since its last commit.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if stored is None:
            has_rows = await session.run(store.has_rows)
            loss = "How far the rows go was lost with the table of positions; all events are projected again."
            return Resume(sequence=state.first - 1, loss=loss if has_rows else "")
        known = Place(stream=stored.stream, created_at=stored.stream_created_at, sequence=stored.sequence)
        now = Stream(
            name=self._stream,
            created_at=state.created_at.isoformat(),
            first=state.first,
            last=state.last,
            rewritten_from=await self._rewritten_from(stored, state),
        )
        return resume(known, now)

    async def _rewritten_from(self, stored: store.Position, state: StreamState) -> int | None:
        """First event that was stored after the last projected one, unless the stream still has that one."""
        if not stored.stored_at_ns or stored.sequence > state.last:
            return None
        if await stored_at_ns(self._bus, self._stream, stored.sequence) == stored.stored_at_ns:
            return None
        return await first_after(self._bus, self._stream, stored.stored_at_ns)

    async def _follow(self, session: Session, over: "asyncio.Future[WebJobsError]") -> None:
        reader = self._bus.read_stream(
            self._stream,
            [self._bus.subjects.all_events],
            start_sequence=self.position + 1,
            window=READ_AHEAD,
        )
        reader.on_replaced = lambda: _end(over, StreamReplaced(self._stream))
        try:
            async for batch in reader.batches(max_messages=MAX_BATCH):
                began = time.monotonic()
                await _uninterrupted(self._project(session, batch))
                if len(batch) < MAX_BATCH:
                    # What arrives until then is one transaction; the first event after a rest waits for none.
                    await asyncio.sleep(PACE - (time.monotonic() - began))
        finally:
            await reader.close()

    async def _project(self, session: Session, batch: list[StreamMessage]) -> None:
        """Fold a batch and commit it; what cannot be read or stored is parked."""
        events, unreadable = decode_batch(batch)
        await self._park(unreadable)
        try:
            fold = await session.run(_fold, events, self.position, batch[-1])
        except DBAPIError as error:
            if sqlstate_of(error)[:2] not in _UNSTORABLE:
                raise
            if len(batch) > 1:
                for message in batch:  # one by one, to find the message that spoils the rest
                    await self._project(session, [message])
                return
            await self._park([Unreadable(batch[0], describe(error))])
            fold = await session.run(_fold, [], self.position, batch[-1])
        self._committed(fold, batch, len(events))

    async def _park(self, unreadable: list[Unreadable]) -> None:
        for each in unreadable:
            log.error(
                "message parked",
                subject=each.message.subject,
                sequence=each.message.sequence,
                reason=each.reason,
            )
            await self._bus.park("history", each.message, each.reason)
            metrics.PARKED.inc()

    def _committed(self, fold: Fold, batch: list[StreamMessage], event_count: int) -> None:
        self.position = batch[-1].sequence
        self._is_well()
        metrics.EVENTS.inc(event_count)
        metrics.BATCHES.inc()
        metrics.REFUSED.inc(fold.refused)
        self._progress.reached(self.position)
        for listener in self._listeners:
            listener(fold, self.position)

    def _is_well(self) -> None:
        self.trouble = ""
        self.outage.ended()

    async def _watch_session(self, session: Session) -> "asyncio.Future[WebJobsError]":
        """Why this turn is over, once it is: Postgres went away, or a rebuild was asked for."""
        over: asyncio.Future[WebJobsError] = asyncio.get_running_loop().create_future()
        session.on_loss(lambda: _end(over, ConnectionLost()))
        await session.listen(store.RESET_CHANNEL, lambda: _end(over, PositionMoved(self.position)))
        return over

    async def _stop_projecting(self, over: "asyncio.Future[WebJobsError]") -> None:
        raise await over

    async def _watch_stream(self, created_at: datetime) -> None:
        """Measure the lag, and end this turn when the stream is not the one the rows are from."""
        while True:
            with contextlib.suppress(BusUnavailable):
                state = await stream_state(self._bus, self._stream)
                metrics.LAG.set(max(0, state.last - self.position))
                if state.created_at != created_at or state.last < self.position:
                    raise StreamReplaced(self._stream)
            await asyncio.sleep(CHECK_INTERVAL)


def _fold(connection: Connection, events: list[Event], position: int, last: StreamMessage) -> Fold:
    """Fold events into the stored rows and move the position to the last one, both or neither."""
    # First the position: a rebuild that moves it meanwhile waits for this transaction, or this one for it.
    store.move_position(connection, position, last.sequence, last.stored_at_ns)
    fold = store.load(connection, keys_of(events))
    for event in events:
        fold.apply(event)
    store.write(connection, fold)
    return fold


def _end(over: "asyncio.Future[WebJobsError]", reason: WebJobsError) -> None:
    if not over.done():
        over.set_result(reason)


async def _uninterrupted(work: Awaitable[None]) -> None:
    """Let work that has begun finish, also when this task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            log.warning("the last batch was not committed", error=describe(error))
        raise
