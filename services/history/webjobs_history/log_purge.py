"""Removes the logs of purged runs, old deployments and deleted jobs, as a reader of its own.

It follows `Purged`, `Deleted` and the ends of deployments, and keeps its own position, which a rebuild leaves
alone: the projection never waits for it, and what it did once it does not do again. A repeat does no harm
either, even years later: run ids are never used twice, and of a deleted job only the chunks go that the log
stream had taken before it received the deletion, so the logs of a job created again under that name stay.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from webjobs_events.deployment_id import deployment_id_of
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Deleted, Deployed, DeployFailed, Event, Purged
from webjobs_events.jetstream import Bus, StreamMessage, purge_until, stream_state
from webjobs_events.run_step import run_step
from webjobs_rules.job import JobType
from webjobs_service.lifetime import side_tasks

from webjobs_history.batch import decode_batch
from webjobs_history.database import TROUBLES, describe
from webjobs_history.projector import Projector
from webjobs_history.store import KEPT_DEPLOYMENTS
from webjobs_history.tables import positions

log = structlog.stdlib.get_logger(__name__)

READER = "log_purge"
"""Reader name in `positions`."""

AT_ONCE = 20  # purges under way at the same time


class LogPurge:
    """Purges logs while this replica projects."""

    def __init__(self, bus: Bus, engine: AsyncEngine) -> None:
        self._bus = bus
        self._engine = engine
        self._events = bus.subjects.events_stream
        self._logs = bus.subjects.logs_stream
        self._outage = bus.connection.outage_of("log purge")
        self._slots = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def while_projecting(self, _projector: Projector) -> AsyncIterator[None]:
        """Run as long as this replica projects."""
        errors = (BusUnavailable, *TROUBLES)
        async with side_tasks(log_purge=self._outage.retry(self._follow, errors=errors, describe=describe)):
            yield

    async def _follow(self) -> None:
        state = await stream_state(self._bus, self._events)
        created_at = state.created_at.isoformat()
        subjects = self._bus.subjects
        reader = self._bus.read_stream(
            self._events,
            [
                subjects.job_event(JobType.TRIGGERED, "*", "Purged"),
                *(
                    subjects.job_event(job_type, "*", name)
                    for job_type in JobType
                    for name in ("Deleted", "Deployed", "DeployFailed")
                ),
            ],
            start_sequence=await self._load(created_at, state.last) + 1,
        )
        try:
            async for batch in reader.batches():
                for message in batch:
                    events, _parked_by_the_projector = decode_batch([message])
                    for event in events:
                        purging = self._purge(event, message)
                        await run_step(purging, log, "logs were not purged", sequence=message.sequence)
                await self._save(created_at, batch[-1].sequence)
                self._outage.ended()
        finally:
            await reader.close()

    async def _purge(self, event: Event, message: StreamMessage) -> None:
        subjects = self._bus.subjects
        match event:
            case Purged():
                of_runs = [
                    subjects.log(JobType.TRIGGERED, event.job_name, run_id) for run_id in event.run_ids
                ]
                await asyncio.gather(*map(self._purge_subject, of_runs))
            case Deleted():
                subject = subjects.log(event.job_type, event.job_name, "*")
                await purge_until(self._bus, self._logs, subject, message.stored_at_ns)
                of_deployments = subjects.deployment_log(event.job_type, event.job_name, "*")
                await purge_until(self._bus, self._logs, of_deployments, message.stored_at_ns)
            case Deployed() | DeployFailed():
                if deployment_id_of(event.cause) is not None:
                    await self._purge_old_deployments(event)

    async def _purge_old_deployments(self, event: Deployed | DeployFailed) -> None:
        pattern = self._bus.subjects.deployment_log(event.job_type, event.job_name, "*")
        async with self._bus.connection.asking(f"looking for {pattern}"):
            info = await self._bus.connection.js.stream_info(self._logs, subjects_filter=pattern)
        of_job = sorted(info.state.subjects or {}, reverse=True)
        await asyncio.gather(*map(self._purge_subject, of_job[KEPT_DEPLOYMENTS:]))

    async def _purge_subject(self, subject: str) -> None:
        async with self._slots:
            await self._bus.purge_subject(self._logs, subject)

    async def _load(self, created_at: str, end: int) -> int:
        """Where to go on: from the start in a stream that is not the one known."""
        statement = select(positions.c.stream_created_at, positions.c.sequence).where(
            positions.c.reader == READER
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return row.sequence if row and row.stream_created_at == created_at and row.sequence <= end else 0

    async def _save(self, created_at: str, sequence: int) -> None:
        values = {
            "reader": READER,
            "stream": self._events,
            "stream_created_at": created_at,
            "sequence": sequence,
            "replay_until": 0,
        }
        statement = insert(positions).values(values)
        async with self._engine.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[positions.c.reader], set_=values)
            )
