"""Keeps at most WEBJOBS_HISTORY_SIZE runs of each triggered job, by saying so on the event stream.

It publishes `Purged` and removes nothing itself: rows, logs and run folders go when projector, log purge
and runners meet that event, so that a replay of the stream gives the rows it gave before.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Purged
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import TERMINAL_STATUSES
from webjobs_service.lifetime import side_tasks

from webjobs_history import metrics
from webjobs_history.database import TROUBLES, describe
from webjobs_history.domain.fold import Fold
from webjobs_history.projector import Projector
from webjobs_history.tables import jobs, runs

log = structlog.stdlib.get_logger(__name__)

MAX_RUN_IDS = 200  # in one event, so that it stays small
PACE = 0.2  # seconds between rounds, so that a busy job's runs go by the handful

AUTHOR = "history"


class Retention:
    """Decides which runs go. Used by the replica that projects, while it does.

    Args:
        bus: Where events are published.
        engine: Where the rows are.
        limit: Answers WEBJOBS_HISTORY_SIZE as it is now.
    """

    def __init__(self, bus: Bus, engine: AsyncEngine, limit: Callable[[], int]) -> None:
        self._bus = bus
        self._engine = engine
        self._limit = limit
        self._outage = bus.connection.outage_of("retention")
        self._counts: dict[JobName, int] = {}
        """Jobs to look at, by their number of runs."""
        self._asked: dict[JobName, int] = {}
        """Sequence of the `Purged` event that is published but not yet projected."""
        self._survey = True
        self._wake = asyncio.Event()

    def limit_changed(self) -> None:
        """Look at every job again."""
        self._survey = True
        self._wake.set()

    def committed(self, fold: Fold, position: int) -> None:
        """Look at the jobs that this fold changed."""
        for job in fold.jobs_to_put:
            self._counts[job.job_name] = job.run_count
        self._asked = {name: sequence for name, sequence in self._asked.items() if sequence > position}
        self._wake.set()

    @contextlib.asynccontextmanager
    async def while_projecting(self, projector: Projector) -> AsyncIterator[None]:
        """Run as long as this replica projects."""
        self._asked.clear()
        self._counts.clear()
        self._survey = True
        self._wake.set()
        async with side_tasks(retention=self._run(projector)):
            yield

    async def _run(self, projector: Projector) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            # What another replica asked for before this one's turn is in the stream up to here; to decide
            # before it is projected would ask for the same again.
            if projector.position < projector.replay_until:
                continue
            await self._outage.retry(self._round, errors=(BusUnavailable, *TROUBLES), describe=describe)
            await asyncio.sleep(PACE)

    async def _round(self) -> None:
        # First the flag: a change of the limit from here on sets it again.
        survey, self._survey = self._survey, False
        limit = self._limit()
        if survey:
            try:
                self._counts = await self._jobs_above(limit) | self._counts
            except BaseException:
                self._survey = True
                raise
        for name, count in list(self._counts.items()):
            if name in self._asked:
                continue  # looked at again when that event is projected
            if count > limit and (run_ids := await self._runs_to_go(name, count - limit)):
                await self._ask(name, run_ids, limit)
            self._counts.pop(name, None)

    async def _ask(self, name: JobName, run_ids: list[RunId], limit: int) -> None:
        event = Purged(at=datetime.now(UTC), instance=AUTHOR, job_name=name, run_ids=run_ids, limit=limit)
        self._asked[name] = await self._bus.publish_event(event)
        metrics.PURGED.inc(len(run_ids))
        log.debug("runs purged", job=name, runs=len(run_ids), limit=limit)

    async def _jobs_above(self, limit: int) -> dict[JobName, int]:
        statement = select(jobs.c.job_name, jobs.c.run_count).where(jobs.c.run_count > limit)
        async with self._engine.connect() as connection:
            return {JobName(name): count for name, count in await connection.execute(statement)}

    async def _runs_to_go(self, name: JobName, excess: int) -> list[RunId]:
        """Of the oldest `excess` runs, those that have ended, oldest first, at most 200."""
        oldest = (
            select(runs.c.run_id, runs.c.status)
            .where(runs.c.job_name == name)
            .order_by(runs.c.run_id)
            .limit(excess)
            .subquery()
        )
        statement = (
            select(oldest.c.run_id)
            .where(oldest.c.status.in_(sorted(TERMINAL_STATUSES)))
            .order_by(oldest.c.run_id)
            .limit(MAX_RUN_IDS)
        )
        async with self._engine.connect() as connection:
            return [RunId(run_id) for run_id in await connection.scalars(statement)]
