"""The query API of history: queries on NATS, answered from the rows once they are recent enough."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from webjobs_events import queries as q
from webjobs_events.errors import MALFORMED, BusUnavailable
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_events.outage import Outage

from webjobs_history.damage import Damage
from webjobs_history.database import TROUBLES
from webjobs_history.metrics import QUERIES
from webjobs_history.progress import Progress
from webjobs_history.queries import MAX_PAGE, Queries, Snapshot, page_size

SERVICE = "webjobs-history"
VERSION = "1.0.0"

MAX_WAIT = 2.0  # seconds for the projection to become recent enough
MAX_REPLY = 900_000  # bytes; NATS takes messages of 1 MB
READ_TIMEOUT = 2.0  # seconds for one read of the rows
_GUESS = 0.02  # seconds more before each further read while another replica projects
_MAX_GUESS = 0.2  # seconds

Q = TypeVar("Q", bound=q.Query)
Read = Callable[[], Awaitable[Snapshot | None]]


class Endpoints:
    """Handlers by endpoint name, for `Bus.serve`."""

    def __init__(
        self, bus: Bus, queries: Queries, progress: Progress, outage: Outage, damage: Damage
    ) -> None:
        self._bus = bus
        self._queries = queries
        self._progress = progress
        self._outage = outage
        self._damage = damage
        self._run = msgspec.json.Decoder(q.RunQuery)
        self._runs = msgspec.json.Decoder(q.RunsQuery)
        self._all_runs = msgspec.json.Decoder(q.AllRunsQuery)
        self._latest_runs = msgspec.json.Decoder(q.LatestRunsQuery)
        self._job_summaries = msgspec.json.Decoder(q.JobSummariesQuery)
        self._run_totals = msgspec.json.Decoder(q.RunTotalsQuery)
        self._statuses = msgspec.json.Decoder(q.StatusesQuery)
        self._acknowledgements = msgspec.json.Decoder(q.AcknowledgementsQuery)
        self._deployments = msgspec.json.Decoder(q.DeploymentsQuery)
        self._encoder = msgspec.json.Encoder()

    def handlers(self) -> dict[str, Callable[[bytes], Awaitable[bytes]]]:
        """What answers each endpoint."""
        return {
            q.RUN: _counted(q.RUN, self.run),
            q.RUNS: _counted(q.RUNS, self.runs),
            q.ALL_RUNS: _counted(q.ALL_RUNS, self.all_runs),
            q.LATEST_RUNS: _counted(q.LATEST_RUNS, self.latest_runs),
            q.JOB_SUMMARIES: _counted(q.JOB_SUMMARIES, self.job_summaries),
            q.RUN_TOTALS: _counted(q.RUN_TOTALS, self.run_totals),
            q.STATUSES: _counted(q.STATUSES, self.statuses),
            q.ACKNOWLEDGEMENTS: _counted(q.ACKNOWLEDGEMENTS, self.acknowledgements),
            q.DEPLOYMENTS: _counted(q.DEPLOYMENTS, self.deployments),
        }

    async def run(self, data: bytes) -> bytes:
        """`RunQuery` → `FoundRun`."""
        query = _decode(self._run, data)
        found = await self._recent(query, lambda: self._queries.run(query), _is_empty)
        run = found.items[0] if found.items else None
        return self._encoder.encode({"position": found.position, "run": run})

    async def runs(self, data: bytes) -> bytes:
        """`RunsQuery` → `Runs`; a page that would be too large for one message ends earlier."""
        query = _decode(self._runs, data)
        is_miss = _is_empty if query.before is None else _never
        found = await self._recent(query, lambda: self._queries.runs(query), is_miss)
        return self._encoder.encode({"position": found.position, "runs": _that_fit(found.items)})

    async def all_runs(self, data: bytes) -> bytes:
        """`AllRunsQuery` → `AllRuns`; a page that would be too large for one message ends earlier."""
        query = _decode(self._all_runs, data)
        found = await self._recent(query, lambda: self._queries.all_runs(query), _never)
        retried = _all_fit(found.retried)
        runs = _that_fit(found.items[: query.limit], MAX_REPLY - sum(len(bytes(run)) for run in retried))
        return self._encoder.encode(
            {
                "position": found.position,
                "runs": runs,
                "has_more": len(found.items) > len(runs),
                "begun": [int(place) for place in found.names],
                "retried": retried,
            }
        )

    async def latest_runs(self, data: bytes) -> bytes:
        """`LatestRunsQuery` → `LatestRuns`."""
        query = _decode(self._latest_runs, data)
        read = lambda: self._queries.latest_runs(query.job_names)  # noqa: E731
        found = await self._recent(query, read, _lacks(query))
        return self._encoder.encode({"position": found.position, "runs": _all_fit(found.items)})

    async def job_summaries(self, data: bytes) -> bytes:
        """`JobSummariesQuery` → `JobSummaries`."""
        query = _decode(self._job_summaries, data)
        read = lambda: self._queries.job_summaries(query.job_names)  # noqa: E731
        found = await self._recent(query, read, _lacks(query))
        return self._encoder.encode({"position": found.position, "jobs": _all_fit(found.items)})

    async def run_totals(self, data: bytes) -> bytes:
        """`RunTotalsQuery` → `RunTotals`."""
        query = _decode(self._run_totals, data)
        found = await self._recent(query, lambda: self._queries.run_totals(query), _never)
        running, failed, begun = map(int, found.names)
        return self._encoder.encode(
            {
                "position": found.position,
                "running": running,
                "failed": failed,
                "begun": begun,
                "longest_running": _that_fit(found.items),
            }
        )

    async def statuses(self, data: bytes) -> bytes:
        """`StatusesQuery` → `Statuses`."""
        query = _decode(self._statuses, data)
        read = lambda: self._queries.statuses(query.job_names)  # noqa: E731
        found = await self._recent(query, read, _lacks(query))
        return self._encoder.encode({"position": found.position, "jobs": _all_fit(found.items)})

    async def acknowledgements(self, data: bytes) -> bytes:
        """`AcknowledgementsQuery` → `Acknowledgements`."""
        query = _decode(self._acknowledgements, data)
        found = await self._recent(query, lambda: self._queries.acknowledgements(query), _never)
        page = _that_fit(found.items[:MAX_PAGE])
        return self._encoder.encode(
            {
                "position": found.position,
                "acknowledgements": page,
                "has_more": len(found.items) > len(page),
            }
        )

    async def deployments(self, data: bytes) -> bytes:
        """`DeploymentsQuery` → `Deployments`."""
        query = _decode(self._deployments, data)
        is_miss = _never if query.id is None else _is_empty
        found = await self._recent(query, lambda: self._queries.deployments(query), is_miss)
        page = _that_fit(found.items[: page_size(query)])
        return self._encoder.encode(
            {"position": found.position, "deployments": page, "has_more": len(found.items) > len(page)}
        )

    async def _recent(self, query: q.Query, read: Read, is_miss: Callable[[Snapshot], bool]) -> Snapshot:
        """A snapshot as recent as was asked; one that misses something is of the end of the stream.

        Raises:
            QueryRefused: The projection did not get there in time, or Postgres or NATS is away.
        """
        looked_for_end, guess = False, 0.0
        try:
            async with asyncio.timeout(MAX_WAIT):
                at_least = await self._reachable(query.at_least)
                while True:
                    await self._progress.worth_reading(at_least, guess)
                    guess = min(guess + _GUESS, _MAX_GUESS)
                    snapshot = await read()
                    if snapshot is None or not self._is_of_this_stream(snapshot):
                        await asyncio.sleep(_MAX_GUESS)  # until a replica begins, or goes on in a new stream
                        continue
                    at_least = max(at_least, snapshot.replay_until)
                    if snapshot.position >= at_least and not looked_for_end and is_miss(snapshot):
                        at_least = await self._bus.last_sequence(self._bus.subjects.events_stream)
                        looked_for_end = True
                    self._outage.ended()
                    if snapshot.position >= at_least:
                        return snapshot
        except TimeoutError as error:
            raise QueryRefused(503, "History is not up to date yet; ask again in a moment.") from error
        except BusUnavailable as error:
            raise QueryRefused(503, str(error)) from error
        except TROUBLES as error:
            found = self._damage.record(error)
            self._outage.failed(found)
            text = self._damage.reason or "History cannot reach its database; ask again in a moment."
            raise QueryRefused(503, text) from error

    def _is_of_this_stream(self, snapshot: Snapshot) -> bool:
        """Whether its position is in the stream of events that exists now, as far as known."""
        created_at = self._bus.streams.created_at(self._bus.subjects.events_stream)
        return created_at is None or created_at.isoformat() == snapshot.stream_created_at

    async def _reachable(self, sequence: int) -> int:
        """The sequence, or the end of the stream if that is lower: the stream is another one since then.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if self._progress.has(sequence):
            return sequence
        return min(sequence, await self._bus.last_sequence(self._bus.subjects.events_stream))


def _counted(
    endpoint: str, handler: Callable[[bytes], Awaitable[bytes]]
) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(data: bytes) -> bytes:
        code = "500"
        try:
            reply = await handler(data)
            code = "200"
        except QueryRefused as error:
            code = str(error.code)
            raise
        finally:
            QUERIES.labels(endpoint, code).inc()
        return reply

    return answer


def _decode(decoder: msgspec.json.Decoder[Q], data: bytes) -> Q:
    try:
        return decoder.decode(data or b"{}")
    except MALFORMED as error:
        raise QueryRefused(400, f"The query cannot be read: {error}.") from error


def _is_empty(snapshot: Snapshot) -> bool:
    return not snapshot.items


def _never(_snapshot: Snapshot) -> bool:
    return False


def _lacks(query: q.LatestRunsQuery | q.JobSummariesQuery | q.StatusesQuery) -> Callable[[Snapshot], bool]:
    """Whether a snapshot lacks a job that was asked for; when none was named, nothing is lacking."""
    requested = set() if query.may_lack else set(query.job_names or ())
    return lambda snapshot: not requested <= set(snapshot.names)


def _that_fit(items: list[msgspec.Raw], most: int = MAX_REPLY) -> list[msgspec.Raw]:
    """The first items that fit into so many bytes of one reply, at least one."""
    size = 0
    for index, item in enumerate(items):
        size += len(bytes(item)) + 1
        if size > most and index > 0:
            return items[:index]
    return items


def _all_fit(items: list[msgspec.Raw]) -> list[msgspec.Raw]:
    if len(_that_fit(items)) < len(items):
        raise QueryRefused(413, "The answer is too large for one message; name the jobs, some at a time.")
    return items
