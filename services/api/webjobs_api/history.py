"""Queries to the history service, over NATS request/reply."""

from typing import TypeVar

import msgspec
from webjobs_events import queries
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName
from webjobs_events.queries import InstanceView, Query, RunView
from webjobs_events.run_id import RunId

A = TypeVar("A")

_encoder = msgspec.json.Encoder()
_latest_runs = msgspec.json.Decoder(queries.LatestRuns)
_runs = msgspec.json.Decoder(queries.Runs)
_found_run = msgspec.json.Decoder(queries.FoundRun)
_statuses = msgspec.json.Decoder(queries.Statuses)


class History:
    """What happened, as far as projected.

    Every method raises `BusUnavailable` when nobody answers, and `QueryRefused` when history cannot.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._caused = 0

    def caused(self, sequence: int) -> None:
        """Let every later answer include the events up to this one, which a request here has caused."""
        self._caused = max(self._caused, sequence)

    async def latest_runs(
        self, job_names: list[JobName] | None = None, *, at_least: int = 0
    ) -> dict[JobName, RunView]:
        """The latest run of each of these jobs; None asks for all jobs. Jobs without runs are absent."""
        query = queries.LatestRunsQuery(job_names=job_names, at_least=self._floor(at_least))
        answer = await self._ask(queries.LATEST_RUNS, query, _latest_runs)
        return {run.job_name: run for run in answer.runs}

    async def runs(self, job_name: JobName, *, at_least: int = 0) -> list[RunView]:
        """A job's runs, newest first."""
        query = queries.RunsQuery(job_name=job_name, at_least=self._floor(at_least))
        return (await self._ask(queries.RUNS, query, _runs)).runs

    async def run(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """One run; None only after the projection has reached the end of the stream."""
        query = queries.RunQuery(job_name=job_name, run_id=run_id, at_least=self._floor(0))
        return (await self._ask(queries.RUN, query, _found_run)).run

    async def statuses(self, job_names: list[JobName] | None = None) -> dict[JobName, list[InstanceView]]:
        """What these continuous jobs do on each instance; None asks for all jobs."""
        query = queries.StatusesQuery(job_names=job_names, at_least=self._floor(0))
        answer = await self._ask(queries.STATUSES, query, _statuses)
        return {job.job_name: job.instances for job in answer.jobs}

    async def _ask(self, name: str, query: Query, decoder: msgspec.json.Decoder[A]) -> A:
        data = await self._bus.ask(name, _encoder.encode(query))
        try:
            return decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise BusUnavailable(f"asking {name}", f"the answer cannot be read ({error})") from error

    def _floor(self, at_least: int) -> int:
        return max(at_least, self._caused)
