"""Ends the runs that a lost runner had in hand."""

import asyncio

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.events import RunAborted
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.status import Reason

from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.triggered.claims import ClaimedRun, Claims
from webjobs_runner.triggered.last_event import look_at_run, settle_command, write_end
from webjobs_runner.triggered.run_ending import Outcome, cause_of, ended_event, initializing_event

_RETRY_DELAY = 1.0  # seconds


class Burial:
    """Writes the last event of runs whose runner is gone, and takes their commands out of the queue.

    Any number of runners may do it for the same run: it is ended once.
    """

    def __init__(
        self, bus: Bus, instance: Instance, claims: Claims, definitions: Definitions, outbox: Outbox
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._claims = claims
        self._definitions = definitions
        self._outbox = outbox
        self._lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def lost(self, instance_id: str, boot: str) -> None:
        """A runner is lost: look for what it had in hand."""
        self._lost.put_nowait((instance_id, boot))

    async def run(self) -> None:
        """Bury until cancelled."""
        while True:
            instance_id, boot = await self._lost.get()
            while True:
                try:
                    await self.bury_all(instance_id, boot)
                    break
                except BusUnavailable as error:
                    logger.debug("burial waits for nats", lost=instance_id, error=str(error))
                    await asyncio.sleep(_RETRY_DELAY)

    async def bury_all(self, instance_id: str, boot: str) -> None:
        """End all that one boot of a runner had in hand.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        for run in await self._claims.of_instance(instance_id):
            if run.claim.boot == boot:
                await self.bury_claimed(run)

    async def bury_claimed(self, run: ClaimedRun) -> None:
        """End a run that is known by its claim only.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        command = await self._command_of(run)
        if command is None:  # it was done: only the claim was left behind
            await self._claims.drop(run.job_name, run.run_id)
        else:
            await self.bury(command, run.claim.instance)

    async def bury(self, command: RunTriggeredJob, lost: str) -> None:
        """End a run whose runner is gone, after whatever that wrote itself.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        definition = self._definitions.get(JobType.TRIGGERED, command.job_name)
        digest = definition.digest if definition else ""
        found = await look_at_run(self._bus, command.job_name, command.run_id)
        if found.end is None:
            if not found.has_begun:
                first = initializing_event(command, instance_id=lost, digest=digest, at=command.requested_at)
                await asyncio.shield(self._outbox.add(first, cause_of(command)))
            logger.warning("run of a lost runner ended", run_id=command.run_id, lost=lost)
            evidence = f"Runner {lost} was lost while it had the run."
            event = ended_event(
                command,
                Outcome(RunAborted, Reason.RUNNER_LOST, evidence),
                instance_id=self._instance.id,
                digest=digest,
                started_at=None,
                has_error_log=False,
            )
            await write_end(self._bus, event, cause_of(command))
        await settle_command(self._bus, command)
        await self._claims.drop(command.job_name, command.run_id)

    async def _command_of(self, run: ClaimedRun) -> RunTriggeredJob | None:
        """The command of a run, while it is in the queue."""
        subject = self._bus.subjects.command(JobType.TRIGGERED, run.job_name, RunTriggeredJob.verb)
        data = await self._bus.pending_command(subject)
        if data is None:
            return None
        try:
            command = decode_command(subject, data)
        except UndecodableMessage:
            return None  # parked by whoever takes it
        return command if isinstance(command, RunTriggeredJob) and command.run_id == run.run_id else None
