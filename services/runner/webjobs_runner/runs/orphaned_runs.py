"""Ends the runs that nobody will end by himself: those of lost runners, and those that nobody has begun."""

import asyncio
from collections.abc import Callable

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.status import Reason

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.run_outcome import Outcome, runner_lost
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import UNKNOWN_INSTANCE, ClaimedRun, Claims
from webjobs_runner.runs.finish import Finish, Unattended
from webjobs_runner.runs.run_log import RunLogs

_RETRY_DELAY = 1.0  # seconds


class OrphanedRuns:
    """Finds what lost runners had in hand; any number of runners may do so for the same run."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        claims: Claims,
        definitions: Definitions,
        finish: Finish,
        wishes: CancelRequests,
        logs: RunLogs,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._claims = claims
        self._definitions = definitions
        self._finish = finish
        self._wishes = wishes
        self._logs = logs
        self._lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.on_next: Callable[[Attempt], None] = lambda _attempt: None
        """Told of each attempt that follows one which was ended here."""

    def lost(self, instance_id: str, boot: str) -> None:
        """A runner is lost: look for what it had in hand."""
        self._lost.put_nowait((instance_id, boot))

    async def run(self) -> None:
        """Bury until cancelled."""
        while True:
            instance_id, boot = await self._lost.get()
            while True:
                try:
                    await self.abort_all(instance_id, boot)
                    break
                except BusUnavailable as error:
                    logger.debug("burial waits for nats", lost=instance_id, error=str(error))
                    await asyncio.sleep(_RETRY_DELAY)

    async def abort_all(self, instance_id: str, boot: str) -> None:
        """End all that one boot of a runner had in hand.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        for run in await self._claims.of_instance(instance_id):
            if run.claim.boot == boot:
                await self.abort_claimed(run)

    async def abort_claimed(self, run: ClaimedRun) -> None:
        """End a run that is known by its claim only.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        command = await self._command_of(run)
        if command is None:  # it was done: only the claim was left behind
            await self._claims.drop(run.job_name, run.run_id)
        else:
            await self.abort(run, command)

    async def abort(self, run: ClaimedRun, command: RunTriggeredJob) -> None:
        """End a run whose runner is gone, after whatever that wrote itself.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        lost, attempt = run.claim.instance, run.claim.attempt_of(command)
        request = self._wishes.of(attempt.job_name, attempt.run_id)
        evidence = f"Runner {lost} was lost while it had the run."
        if lost == UNKNOWN_INSTANCE:
            evidence = "The claim on this run could not be read, so no runner has it."
        outcome = runner_lost(lost, evidence, request)
        await self.end(attempt, run.claim.after, outcome, lost)

    async def end(self, attempt: Attempt, after: int, outcome: Outcome, instance_id: str) -> None:
        """End an attempt that no runner works on, unless it has ended, and do what follows.

        Args:
            attempt: To be ended.
            after: Sequence that the stream of events had before the attempt.
            outcome: How it ends.
            instance_id: The runner that had it, or that ends it without having begun it.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        may_write = instance_id == self._instance.id and outcome.reason is not Reason.DELETED
        run = Unattended(
            attempt,
            after,
            outcome,
            instance_id,
            definition=self._definitions.get(JobType.TRIGGERED, attempt.job_name),
            log=self._logs.of(attempt) if may_write else None,
        )
        next_attempt = await self._finish.end_unattended(run)
        if next_attempt is not None:
            self.on_next(next_attempt)

    async def _command_of(self, run: ClaimedRun) -> RunTriggeredJob | None:
        """The command of a run, while it is in the queue."""
        subject = self._bus.subjects.command(
            JobType.TRIGGERED, run.job_name, RunTriggeredJob.verb, run.claim.slot
        )
        message = await self._bus.pending_command(subject)
        if message is None:
            return None
        try:
            command = decode_command(subject, message.data, message.headers)
        except UndecodableMessage:
            return None  # parked by whoever takes it
        return command if isinstance(command, RunTriggeredJob) and command.run_id == run.run_id else None
