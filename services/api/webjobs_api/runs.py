"""Runs as a reader sees them: what history tells, and what still waits in the queue of commands."""

import asyncio
from collections.abc import Collection

import structlog
from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName, JobType
from webjobs_events.queries import RunView
from webjobs_events.run_id import RunId
from webjobs_events.status import Status, is_terminal

from webjobs_api.history import History

log = structlog.stdlib.get_logger(__name__)


class Runs:
    """Runs of triggered jobs. A run that was accepted is visible from then on, without a gap.

    The command of a run stays in the queue until the run's last event is stored. So whoever looks into the
    queue first and then asks history for the events up to then finds the run in one or the other.
    """

    def __init__(self, bus: Bus, history: History) -> None:
        self._bus = bus
        self._history = history
        self._started: dict[JobName, RunId] = {}

    def subject(self, job_name: JobName) -> str:
        """Where the command of a job's run waits."""
        return self._bus.subjects.command(JobType.TRIGGERED, job_name, RunTriggeredJob.verb)

    def started(self, job_name: JobName, run_id: RunId) -> None:
        """Remember a run that was accepted here, until a list has shown it."""
        self._started[job_name] = run_id

    async def of_job(self, job_name: JobName) -> list[RunView]:
        """Every kept run of a job, newest first."""
        waiting = await self.waiting(job_name)
        runs = await self._history.runs(job_name, at_least=await self._last_begun(job_name))
        if waiting is not None and all(run.run_id != waiting.run_id for run in runs):
            runs = sorted([waiting, *runs], key=lambda run: run.run_id, reverse=True)
        return runs

    async def latest(self, job_name: JobName) -> RunView | None:
        """The latest run of a job."""
        waiting = await self.waiting(job_name)
        at_least = await self._last_begun(job_name)
        known = (await self._history.latest_runs([job_name], at_least=at_least)).get(job_name)
        return _newer(known, waiting)

    async def latest_of(self, job_names: Collection[JobName]) -> dict[JobName, RunView]:
        """The latest run of each of many jobs; those that never ran are absent."""
        queued = set(await self._bus.pending_subjects(self._bus.subjects.run_commands))
        latest = await self._history.latest_runs()
        if any(self.subject(name) not in queued for name in self._unshown(latest)):
            # A run accepted here left the queue before the projection got to it.
            end = await self._bus.last_sequence(self._bus.subjects.events_stream)
            latest = await self._history.latest_runs(at_least=end)
            self._started = {name: run for name, run in self._started.items() if self.subject(name) in queued}
        undecided = [
            name
            for name in job_names
            if self.subject(name) in queued and (name not in latest or is_terminal(latest[name].status))
        ]
        for run in await asyncio.gather(*(self.waiting(name) for name in undecided)):
            if run is not None:
                latest[run.job_name] = _newer(latest.get(run.job_name), run) or run
        return latest

    async def find(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """One run; None when there is none."""
        known = await self._history.run(job_name, run_id)
        if known is not None:
            return known
        waiting = await self.waiting(job_name)
        if waiting is not None and waiting.run_id == run_id:
            return waiting
        return await self._history.run(job_name, run_id)  # it may have left the queue in between

    async def waiting(self, job_name: JobName) -> RunView | None:
        """The run whose command is in the queue, as one that is about to begin."""
        subject = self.subject(job_name)
        data = await self._bus.pending_command(subject)
        if data is None:
            return None
        try:
            command = decode_command(subject, data)
        except UndecodableMessage as error:
            log.warning("waiting command ignored", subject=subject, error=str(error))
            return None
        return _view(command) if isinstance(command, RunTriggeredJob) else None

    async def _last_begun(self, job_name: JobName) -> int:
        """Sequence of the first event of the job's latest run; 0 when it never ran."""
        subjects = self._bus.subjects
        subject = subjects.job_event(JobType.TRIGGERED, job_name, Status.INITIALIZING.value)
        event = await self._bus.last_message(subjects.events_stream, subject)
        return event.sequence if event else 0

    def _unshown(self, latest: dict[JobName, RunView]) -> list[JobName]:
        for name, run in latest.items():
            if name in self._started and run.run_id >= self._started[name]:
                del self._started[name]
        return list(self._started)


def _newer(known: RunView | None, waiting: RunView | None) -> RunView | None:
    if known is None or (waiting is not None and waiting.run_id > known.run_id):
        return waiting
    return known


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
    )
