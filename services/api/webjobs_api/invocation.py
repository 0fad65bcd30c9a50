"""Asking for a run of a triggered job: one publish, and nothing else on the way while all is well."""

import asyncio
from datetime import datetime

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, CommandRefused
from webjobs_events.jetstream import Bus, LiveSettings, QueryRefused
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId, RunIdMint
from webjobs_events.status import is_terminal
from webjobs_events.subjects import token_of

from webjobs_api.errors import JobsAreStopped, RunAlreadyInProgress
from webjobs_api.runners import Runners
from webjobs_api.runs import Runs

_ENDING = 2.0  # seconds in which the command of a run that has ended leaves the queue
_RETRY_DELAY = 0.005  # seconds


class Invocations:
    """Starts runs; of one job one at a time, which the queue itself sees to."""

    def __init__(self, bus: Bus, runs: Runs, runners: Runners, settings: LiveSettings) -> None:
        self._bus = bus
        self._runs = runs
        self._runners = runners
        self._settings = settings
        self._mint = RunIdMint()

    @property
    def are_stopped(self) -> bool:
        """Whether WEBJOBS_STOPPED holds every job back."""
        return self._settings.flag("WEBJOBS_STOPPED")

    async def start(
        self, job_name: JobName, arguments: str | None, requested_by: str, now: datetime
    ) -> RunId:
        """Put a run of a job that exists into the queue; answers its id.

        Raises:
            JobsAreStopped: By the setting.
            NoRunnerAlive: Nobody would run it; nothing was queued.
            RunAlreadyInProgress: The job runs.
            BusUnavailable: NATS does not answer.
        """
        if self.are_stopped:
            raise JobsAreStopped
        await self._runners.require_one()
        run_id = self._mint.next(now)
        command = RunTriggeredJob(
            command_id=f"run/{token_of(job_name)}/{run_id}",
            job_type=JobType.TRIGGERED,
            job_name=job_name,
            requested_at=now,
            requested_by=requested_by,
            run_id=run_id,
            arguments=arguments,
        )
        try:
            await self._bus.publish_command(command)
        except CommandRefused:
            await self._publish_after_the_last(command)
        self._runs.started(job_name, run_id)
        return run_id

    async def _publish_after_the_last(self, command: RunTriggeredJob) -> None:
        """Publish when the run before has ended and only its command has not left the queue yet."""
        give_up_at = asyncio.get_running_loop().time() + _ENDING
        while await self._is_ending(command.job_name):
            try:
                await self._bus.publish_command(command)
                return
            except CommandRefused:
                if asyncio.get_running_loop().time() > give_up_at:
                    break
                await asyncio.sleep(_RETRY_DELAY)
        raise RunAlreadyInProgress(command.job_name)

    async def _is_ending(self, job_name: JobName) -> bool:
        waiting = await self._runs.waiting(job_name)
        if not waiting:
            return True
        try:
            run = await self._runs.find(job_name, waiting[0].run_id)
        except (BusUnavailable, QueryRefused):
            return False
        return run is not None and is_terminal(run.status)
