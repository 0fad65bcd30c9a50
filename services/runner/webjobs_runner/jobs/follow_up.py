"""Requests the run that is to follow a deployment."""

import contextlib

from webjobs_events.commands import DeployJob
from webjobs_events.errors import CommandRefused
from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_events.job import JobDefinition

from webjobs_runner.jobs.deployment_log import DeploymentLog


class FollowUps:
    """Does what a deployment asks to be done after it."""

    def __init__(self, bus: Bus, settings: LiveSettings) -> None:
        self._bus = bus
        self._settings = settings

    async def request(self, command: DeployJob, definition: JobDefinition, log: DeploymentLog) -> str:
        """Request the run, once however often this is done; returns why it was not, or "".

        Raises:
            BusUnavailable: NATS does not answer.
        """
        run = command.follow_up
        if run is None:
            return ""
        fault = self._why_not(definition)
        if not fault:
            with contextlib.suppress(CommandRefused):  # it is in the queue already
                await self._bus.publish_command(run)
        log.write("done", fault or f"Run {run.run_id} is requested.")
        return fault

    def _why_not(self, definition: JobDefinition) -> str:
        """Why the run may not begin; empty when it may."""
        if definition.settings.get("enabled") is False:
            return "The job was not run: enabled is false in settings.job."
        stopped = self._settings.flag("WEBJOBS_STOPPED")
        return "The job was not run: WEBJOBS_STOPPED is set." if stopped else ""
