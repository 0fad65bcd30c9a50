"""Runs as a reader sees them: the rows of history, and what still waits in the queue of commands."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import structlog
from aiohttp import web
from msgspec.structs import replace
from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.queries import JobSummary, RunKey, RunView
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Status

from webjobs_api.backends.history import History
from webjobs_api.backends.run_filter import RunFilter, RunPage, key_of
from webjobs_api.http.requests import Page

_NEWEST = Page()
_MOST_BEGUN = 2000  # runs that have begun and whose command is still in the queue: the oldest ones
_NEAR = 200  # runs of the job between an attempt and the one that follows it, at most

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class Runs:
    """Runs of triggered jobs. A run that was accepted is visible from then on, without a gap.

    The command of a run stays in the queue until the run's last event is stored. So a reader of the
    queue first and then asks history for the events up to then finds the run in one or the other.
    """

    def __init__(self, bus: Bus, history: History) -> None:
        self._bus = bus
        self._history = history
        self._started: dict[JobName, RunId] = {}

    def started(self, job_name: JobName, run_id: RunId) -> None:
        """Remember a run that was accepted here, until a list has shown it."""
        self._started[job_name] = run_id

    async def of_job(self, job_name: JobName, page: Page = _NEWEST) -> list[RunView]:
        """A job's kept runs, newest first."""
        waiting_at_all = await self.waiting(job_name)
        waiting = [run for run in waiting_at_all if _is_on(page, run)]
        runs = await self._history.runs(
            job_name, limit=page.limit, before=page.before, at_least=await self._last_begun(job_name)
        )
        runs += [run for run in _next_attempts(runs, waiting_at_all) if _is_on(page, run)]
        known = {run.run_id for run in runs}
        runs += [run for run in waiting if run.run_id not in known]
        return sorted(runs, key=lambda run: run.run_id, reverse=True)[: page.limit]

    async def of_all(self, wanted: RunFilter) -> RunPage:
        """A page of the runs of all jobs, newest first.

        History includes every event that is stored now, and its snapshot also says which of the waiting runs
        have begun. So no run is missing, and none is shown with an earlier status.
        """
        waiting = await self.waiting()
        end = await self._bus.last_sequence(self._bus.subjects.events_stream)
        shown = wanted.newest(waiting, wanted.limit + _MOST_BEGUN)
        found = await self._history.all_runs(
            wanted.query(
                at_least=end,
                waiting=[key_of(run) for run in shown],
                queued=sorted({run.job_name for run in waiting}),
            )
        )
        begun = set(found.begun)
        beginning = [run for place, run in enumerate(shown) if place not in begun]
        return wanted.page(found, [*beginning, *(_next_of(run) for run in found.retried)])

    async def latest(self, job_name: JobName) -> RunView | None:
        """The latest run of a job."""
        waiting = await self.waiting(job_name)
        at_least = await self._last_begun(job_name)
        known = (await self._history.latest_runs([job_name], at_least=at_least)).get(job_name)
        return _newest([*_next_attempts([known], waiting), known, *waiting] if known else waiting)

    async def latest_of(self, job_names: list[JobName]) -> dict[JobName, RunView]:
        """The latest run of each of many jobs; those that never ran are absent."""
        waiting = await self.waiting()

        async def read(at_least: int) -> dict[JobName, RunView]:
            return await self._history.latest_runs(job_names, at_least=at_least, may_lack=True)

        latest = await self._including_accepted(waiting, read, lambda run: run)
        for run in waiting:
            latest[run.job_name] = _newest_known(latest.get(run.job_name), run)
        return latest

    async def summaries_of(
        self, job_names: list[JobName], waiting: Sequence[RunView]
    ) -> dict[JobName, JobSummary]:
        """The summary of each of many triggered jobs; those that never ran are absent.

        Args:
            job_names: Of the jobs.
            waiting: What `waiting` has returned just before.
        """

        async def read(at_least: int) -> dict[JobName, JobSummary]:
            return await self._history.job_summaries(job_names, at_least=at_least, may_lack=True)

        summaries = await self._including_accepted(waiting, read, lambda summary: summary.latest)
        for run in waiting:
            known = summaries.get(run.job_name) or JobSummary(job_name=run.job_name, latest=run, run_count=0)
            summaries[run.job_name] = replace(known, latest=_newest_known(known.latest, run))
        return summaries

    async def _including_accepted(
        self,
        waiting: Sequence[RunView],
        read: Callable[[int], Awaitable[dict[JobName, T]]],
        latest_in: Callable[[T], RunView],
    ) -> dict[JobName, T]:
        """What history knows of many jobs, at least every run that was accepted here and waits no more."""
        queued = {run.job_name for run in waiting}
        found = await read(0)
        if any(name not in queued for name in self._unshown(found, latest_in)):
            # A run accepted here left the queue before the projection got to it.
            found = await read(await self._bus.last_sequence(self._bus.subjects.events_stream))
            self._started = {name: run for name, run in self._started.items() if name in queued}
        return found

    async def newest_view(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """One run, with all that the stream of events says of its job at this moment."""
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, job_name, "*")
        last = await self._bus.last_message(self._bus.subjects.events_stream, pattern)
        return await self._history.run(job_name, run_id, at_least=last.sequence if last else 0)

    async def find(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """One run; None when there is none."""
        known = await self._history.run(job_name, run_id)
        if known is not None:
            return known
        waiting = await self.waiting(job_name)
        for run in waiting:
            if run.run_id == run_id:
                return run
        if any(run.run_id < run_id for run in waiting):  # its first attempt is over, perhaps
            before = await self._history.runs(job_name, limit=_NEAR, before=run_id)
            for run in before:
                if run.next_run_id == run_id:
                    return await self._history.run(job_name, run_id) or _next_of(run)
        return await self._history.run(job_name, run_id)  # it may have left the queue in between

    async def waiting(self, job_name: str = "*") -> list[RunView]:
        """The runs of a job, or of all, whose command is in the queue, as ones that are about to begin."""
        return [_view(command) for command in await self.commands(job_name)]

    async def commands(self, job_name: str = "*") -> list[RunTriggeredJob]:
        """The commands to run a job, or any job, that are in the queue, oldest first."""
        pattern = self._bus.subjects.commands_of(JobType.TRIGGERED, job_name)
        found = []
        for message in await self._bus.pending_commands(pattern):
            try:
                command = decode_command(message.subject, message.data, message.headers)
            except UndecodableMessage as error:
                log.warning("waiting command ignored", subject=message.subject, error=str(error))
                continue
            if isinstance(command, RunTriggeredJob):
                found.append(command)
        return found

    async def _last_begun(self, job_name: JobName) -> int:
        """Sequence of the first event of the job's latest run; 0 when it never ran."""
        subjects = self._bus.subjects
        subject = subjects.job_event(JobType.TRIGGERED, job_name, Status.INITIALIZING.value)
        event = await self._bus.last_message(subjects.events_stream, subject)
        return event.sequence if event else 0

    def _unshown(self, found: dict[JobName, T], latest_in: Callable[[T], RunView]) -> list[JobName]:
        for name, each in found.items():
            if name in self._started and latest_in(each).run_id >= self._started[name]:
                del self._started[name]
        return list(self._started)


def may_have_begun(waiting: Iterable[RunView]) -> list[RunKey]:
    """Those of the waiting runs that history is asked about: the oldest, a bounded number."""
    return [key_of(run) for run in sorted(waiting, key=lambda run: run.run_id)[:_MOST_BEGUN]]


def _is_on(page: Page, run: RunView) -> bool:
    return page.before is None or run.run_id < page.before


def _newest(runs: Iterable[RunView]) -> RunView | None:
    """The newest run; of two views of one run the first."""
    return max(runs, key=lambda run: run.run_id, default=None)


def _newest_known(known: RunView | None, waiting: RunView) -> RunView:
    """The newest of the latest run that history knows, the attempt that follows it, and a waiting run."""
    views = [*_next_attempts([known], [waiting]), known, waiting] if known else [waiting]
    return _newest(views) or waiting


def _next_attempts(runs: Sequence[RunView], waiting: Sequence[RunView]) -> list[RunView]:
    """The attempts that follow these runs and have not begun, while any command is in the queue."""
    if not waiting:
        return []
    known = {run.run_id for run in runs}
    return [_next_of(run) for run in runs if run.next_run_id is not None and run.next_run_id not in known]


def _next_of(run: RunView) -> RunView:
    """The attempt that follows a run, as one that is about to begin."""
    assert run.next_run_id is not None
    return RunView(
        job_name=run.job_name,
        run_id=run.next_run_id,
        status=Status.INITIALIZING,
        attempt=run.attempt + 1,
        trigger=run.trigger,
        arguments=run.arguments,
        digest="",
        instance="",
        requested_at=run.requested_at,
        scheduled_for=run.scheduled_for,
        retry_of=run.run_id,
        rerun_of=run.rerun_of,
    )


def _view(command: RunTriggeredJob) -> RunView:
    return RunView(
        job_name=command.job_name,
        run_id=command.run_id,
        status=Status.INITIALIZING,
        attempt=command.attempt,
        trigger=command.requested_by,
        arguments=command.arguments,
        digest="",
        instance="",
        requested_at=command.requested_at,
        scheduled_for=command.scheduled_for,
        rerun_of=command.rerun_of,
    )


RUNS = web.AppKey("runs", Runs)
