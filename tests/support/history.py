"""History in this process or as a process of its own, and asking it as the api does."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import msgspec
from support.eventually import eventually
from support.stories import Run
from webjobs_events import queries as q
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_history.app import serve
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId

T = TypeVar("T")

Replica = Callable[[HistorySettings], AbstractAsyncContextManager[None]]
Process = Callable[..., AbstractAsyncContextManager[asyncio.subprocess.Process]]


class History:
    """Asks history over NATS, as the api does."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def publish(self, events: Sequence[Event]) -> int:
        """Publish in order; answers the sequence of the last one."""
        sequence = 0
        for event in events:
            sequence = await self.bus.publish_event(event)
        return sequence

    async def _ask(self, name: str, query: q.Query, answer: type[T]) -> T:
        async def requested() -> bytes | None:
            try:
                return await self.bus.ask(name, msgspec.json.encode(query))
            except BusUnavailable:  # nobody answers yet
                return None
            except QueryRefused as error:
                if error.code == 503:
                    return None
                raise

        data = await eventually(requested)
        assert data is not None
        return msgspec.json.decode(data, type=answer)

    async def run(self, job: str, run_id: str, at_least: int = 0) -> q.RunView | None:
        query = q.RunQuery(job_name=JobName(job), run_id=RunId(run_id), at_least=at_least)
        return (await self._ask(q.RUN, query, q.FoundRun)).run

    async def runs(
        self, job: str, at_least: int = 0, *, before: str | None = None, limit: int = 1000
    ) -> list[q.RunView]:
        cursor = None if before is None else RunId(before)
        query = q.RunsQuery(job_name=JobName(job), before=cursor, limit=limit, at_least=at_least)
        return (await self._ask(q.RUNS, query, q.Runs)).runs

    async def all_runs(self, at_least: int, **wanted: Any) -> q.AllRuns:
        return await self._ask(q.ALL_RUNS, q.AllRunsQuery(at_least=at_least, **wanted), q.AllRuns)

    async def run_ids(self, job: str, at_least: int = 0) -> list[str]:
        return [run.run_id for run in await self.runs(job, at_least)]

    async def latest(self, jobs: list[str] | None = None, at_least: int = 0) -> list[q.RunView]:
        names = None if jobs is None else [JobName(job) for job in jobs]
        query = q.LatestRunsQuery(job_names=names, at_least=at_least)
        return (await self._ask(q.LATEST_RUNS, query, q.LatestRuns)).runs

    async def summaries(self, jobs: list[str] | None = None, at_least: int = 0) -> list[q.JobSummary]:
        names = None if jobs is None else [JobName(job) for job in jobs]
        query = q.JobSummariesQuery(job_names=names, at_least=at_least)
        return (await self._ask(q.JOB_SUMMARIES, query, q.JobSummaries)).jobs

    async def totals(self, at_least: int, *, since: RunId, waiting: Sequence[Run]) -> q.RunTotals:
        keys = [(run.job, run.run_id) for run in waiting]
        query = q.RunTotalsQuery(failed_since=since, waiting=keys, at_least=at_least)
        return await self._ask(q.RUN_TOTALS, query, q.RunTotals)

    async def statuses(self, jobs: list[str] | None = None, at_least: int = 0) -> list[q.JobStatus]:
        names = None if jobs is None else [JobName(job) for job in jobs]
        query = q.StatusesQuery(job_names=names, at_least=at_least)
        return (await self._ask(q.STATUSES, query, q.Statuses)).jobs

    async def acknowledgements(
        self, at_least: int = 0, after: q.AcknowledgementKey | None = None
    ) -> q.Acknowledgements:
        query = q.AcknowledgementsQuery(after=after, at_least=at_least)
        return await self._ask(q.ACKNOWLEDGEMENTS, query, q.Acknowledgements)

    async def everything(self, at_least: int) -> object:
        """Every answer of every endpoint."""
        latest = await self.latest(at_least=at_least)
        pages = {run.job_name: await self.runs(run.job_name) for run in latest}
        single = [await self.run(run.job_name, run.run_id) for page in pages.values() for run in page[:3]]
        named = await self.latest([run.job_name for run in latest])
        acknowledged = (await self.acknowledgements()).acknowledgements
        return latest, pages, single, named, acknowledged, await self.statuses()


@contextlib.asynccontextmanager
async def serving(settings: HistorySettings) -> AsyncIterator[None]:
    """A replica of history in this process."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(serve(settings, stop))
    try:
        yield
        assert not task.done(), "history ended by itself"
    finally:
        stop.set()
        await task


def environment_of(settings: HistorySettings) -> dict[str, str]:
    return os.environ | {
        "WEBJOBS_NATS_URL": settings.nats_url,
        "WEBJOBS_DATABASE_URL": settings.database_url,
        "WEBJOBS_NAMESPACE": settings.namespace,
        "WEBJOBS_HEALTH_PORT": str(settings.health_port),
        "WEBJOBS_HISTORY_SIZE": str(settings.history_size),
    }


@contextlib.asynccontextmanager
async def process(settings: HistorySettings, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m webjobs_history` as a process of its own, killed at the end if it still runs."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "webjobs_history",
        *arguments,
        env=environment_of(settings),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGKILL)
        await started.wait()
