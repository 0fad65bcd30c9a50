"""Aborts runs whose runner is gone, and ends attempts that no runner works on."""

from collections.abc import Iterable
from functools import partial

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import UndecodableMessage
from webjobs_events.run_step import run_step
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.claimed_run import Abort, abort_orphan
from webjobs_runner.heartbeat import Peers
from webjobs_runner.log import logger
from webjobs_runner.runs.claims import ClaimedRun
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.finish import Finish, Unattended


class OrphanedRuns:
    """Finds what lost runners owned; any number of runners may do so for the same run."""

    def __init__(self, dependencies: RunDependencies, finish: Finish, peers: Peers) -> None:
        self._bus = dependencies.bus
        self._instance = dependencies.instance
        self._definitions = dependencies.definitions
        self._claims = dependencies.claims
        self._requests = dependencies.requests
        self._logs = dependencies.logs
        self._finish = finish
        self._peers = peers

    async def run(self) -> None:
        """Abort the runs of each lost runner, until cancelled."""
        outage = self._bus.connection.outage_of("abort of orphaned runs")
        while True:
            instance_id, boot = await self._peers.lost.get()
            aborting = outage.retry(partial(self._abort_runs_of, instance_id, boot), lost=instance_id)
            await run_step(aborting, logger, "orphaned runs left to the queue", lost=instance_id)

    async def abort_all(self, runs: Iterable[ClaimedRun]) -> None:
        """Abort runs whose runner is gone, known by their claims only.

        One that cannot be aborted is left to the queue: the runner to which it delivers the command ends it.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        for run in runs:
            await run_step(
                self._abort(run),
                logger,
                "orphaned run left to the queue",
                job=run.job_name,
                run_id=run.run_id,
            )

    async def _abort_runs_of(self, instance_id: str, boot: str) -> None:
        """Abort all that one start of a runner owned."""
        runs = await self._claims.of_instance(instance_id)
        await self.abort_all(run for run in runs if run.claim.boot == boot)

    async def _abort(self, run: ClaimedRun) -> None:
        command = await self._command_of(run)
        if command is None:  # it was settled: only the claim was left behind
            await self._claims.drop(run.job_name, run.run_id)
            return
        attempt = run.claim.attempt_of(command)
        request = self._requests.of(attempt.job_name, attempt.run_id)
        await self.end(abort_orphan(attempt, run.claim.instance, request), run.claim.after)

    async def end(self, abort: Abort, after: int) -> None:
        """End an attempt that no runner works on, unless it has ended, and do what follows.

        Args:
            abort: The attempt and its outcome.
            after: Sequence that the stream of events had before the attempt.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        attempt: Attempt = abort.attempt
        owner = abort.instance or self._instance.id
        may_write = owner == self._instance.id and abort.outcome.reason is not Reason.DELETED
        run = Unattended(
            attempt,
            after,
            abort.outcome,
            owner,
            definition=self._definitions.get(JobType.TRIGGERED, attempt.job_name),
            log=self._logs.of(attempt) if may_write else None,
        )
        await self._finish.finish_unattended(run)

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
            return None  # parked by the runner to which it is delivered
        return command if isinstance(command, RunTriggeredJob) and command.run_id == run.run_id else None
