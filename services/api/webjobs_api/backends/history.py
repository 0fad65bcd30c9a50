"""Queries to the history service, over NATS request/reply."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web
from webjobs_events import queries
from webjobs_events.errors import MALFORMED, BusUnavailable
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_events.queries import AcknowledgementView, InstanceView, JobStatus, JobSummary, Query, RunView
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId

A = TypeVar("A")

_NAMES_AT_ONCE = 500  # jobs; their latest runs fit into a message, unless the runs are large
_TOO_LARGE = 413

_encoder = msgspec.json.Encoder()
_latest_runs = msgspec.json.Decoder(queries.LatestRuns)
_job_summaries = msgspec.json.Decoder(queries.JobSummaries)
_run_totals = msgspec.json.Decoder(queries.RunTotals)
_runs = msgspec.json.Decoder(queries.Runs)
_all_runs = msgspec.json.Decoder(queries.AllRuns)
_found_run = msgspec.json.Decoder(queries.FoundRun)
_statuses = msgspec.json.Decoder(queries.Statuses)
_deployments = msgspec.json.Decoder(queries.Deployments)
_acknowledgements = msgspec.json.Decoder(queries.Acknowledgements)


class History:
    """What happened, as far as projected.

    Every method raises `BusUnavailable` when no history answers, and `QueryRefused` when history cannot.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._caused = 0
        bus.streams.on_replaced(bus.subjects.events_stream, self._restart)

    def caused(self, sequence: int) -> None:
        """Let every later answer include the events up to this one, which a request here has caused."""
        self._caused = max(self._caused, sequence)

    def _restart(self) -> None:
        """The stream of events is another one: its sequences say nothing about those of before."""
        self._caused = 0

    async def latest_runs(
        self, job_names: list[JobName], *, at_least: int = 0, may_lack: bool = False
    ) -> dict[JobName, RunView]:
        """The latest run of each of these jobs; those without runs are absent.

        With `may_lack` a job whose first run is milliseconds old may be absent too.
        """

        async def ask(names: list[JobName]) -> list[RunView]:
            query = queries.LatestRunsQuery(
                job_names=names, at_least=self._floor(at_least), may_lack=may_lack
            )
            return (await self._ask(queries.LATEST_RUNS, query, _latest_runs)).runs

        return {run.job_name: run for run in await in_parts(job_names, ask)}

    async def job_summaries(
        self, job_names: list[JobName], *, at_least: int = 0, may_lack: bool = False
    ) -> dict[JobName, JobSummary]:
        """The summary of each of these triggered jobs; otherwise as `latest_runs`."""

        async def ask(names: list[JobName]) -> list[JobSummary]:
            query = queries.JobSummariesQuery(
                job_names=names, at_least=self._floor(at_least), may_lack=may_lack
            )
            return (await self._ask(queries.JOB_SUMMARIES, query, _job_summaries)).jobs

        return {job.job_name: job for job in await in_parts(job_names, ask)}

    async def run_totals(self, query: queries.RunTotalsQuery) -> queries.RunTotals:
        """How many runs of all jobs there are of a kind."""
        query = msgspec.structs.replace(query, at_least=self._floor(query.at_least))
        return await self._ask(queries.RUN_TOTALS, query, _run_totals)

    async def runs(
        self, job_name: JobName, *, limit: int, before: RunId | None, at_least: int = 0
    ) -> list[RunView]:
        """At most `limit` of a job's runs, newest first; only those older than `before`, when it is given."""
        query = queries.RunsQuery(
            job_name=job_name, limit=limit, before=before, at_least=self._floor(at_least)
        )
        return (await self._ask(queries.RUNS, query, _runs)).runs

    async def all_runs(self, query: queries.AllRunsQuery) -> queries.AllRuns:
        """A page of the runs of all jobs, newest first."""
        query = msgspec.structs.replace(query, at_least=self._floor(query.at_least))
        return await self._ask(queries.ALL_RUNS, query, _all_runs)

    async def run(self, job_name: JobName, run_id: RunId, *, at_least: int = 0) -> RunView | None:
        """One run; None only after the projection has reached the end of the stream."""
        query = queries.RunQuery(job_name=job_name, run_id=run_id, at_least=self._floor(at_least))
        return (await self._ask(queries.RUN, query, _found_run)).run

    async def statuses(
        self, job_names: list[JobName], *, may_lack: bool = False
    ) -> dict[JobName, list[InstanceView]]:
        """What these continuous jobs do on each instance; `may_lack` as in `latest_runs`."""

        async def ask(names: list[JobName]) -> list[JobStatus]:
            query = queries.StatusesQuery(job_names=names, at_least=self._floor(0), may_lack=may_lack)
            return (await self._ask(queries.STATUSES, query, _statuses)).jobs

        return {job.job_name: job.instances for job in await in_parts(job_names, ask)}

    async def acknowledgements(self) -> list[AcknowledgementView]:
        """All acknowledgements that no event has ended, by type and name of the job."""
        found, query = list[AcknowledgementView](), queries.AcknowledgementsQuery(at_least=self._floor(0))
        while True:
            page = await self._ask(queries.ACKNOWLEDGEMENTS, query, _acknowledgements)
            found += page.acknowledgements
            if not page.has_more:
                return found
            last = found[-1]
            query = msgspec.structs.replace(query, after=(last.job_type, last.job_name, last.kind))

    async def deployments(self, query: queries.DeploymentsQuery) -> queries.Deployments:
        """A page of the deployments that have ended, newest first, or the one that is asked for."""
        query = msgspec.structs.replace(query, at_least=self._floor(query.at_least))
        return await self._ask(queries.DEPLOYMENTS, query, _deployments)

    async def _ask(self, name: str, query: Query, decoder: msgspec.json.Decoder[A]) -> A:
        data = await self._bus.ask(name, _encoder.encode(query))
        try:
            return decoder.decode(data)
        except MALFORMED as error:
            raise BusUnavailable(f"asking {name}", f"the answer cannot be read ({error})") from error

    def _floor(self, at_least: int) -> int:
        return max(at_least, self._caused)


async def in_parts(
    names: list[JobName], ask: Callable[[list[JobName]], Awaitable[list[A]]], at_once: int = _NAMES_AT_ONCE
) -> list[A]:
    """Ask about many jobs, some at a time and all at the same time; fewer where an answer would be too large.

    Args:
        names: Of the jobs.
        ask: One question; refused with 413 when its answer does not fit into a message.
        at_once: Jobs in one question.

    Raises:
        WebJobsError: As `ask`.
    """
    if len(names) <= at_once:
        try:
            return await ask(names)
        except QueryRefused as error:
            if error.code != _TOO_LARGE or len(names) < 2:
                raise
        at_once = len(names) // 2
    parts = [names[start : start + at_once] for start in range(0, len(names), at_once)]
    return [each for part in await asyncio.gather(*(in_parts(part, ask) for part in parts)) for each in part]


HISTORY = web.AppKey("history", History)
