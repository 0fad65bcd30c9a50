"""The only writer of final events: status file, log, conditional publish, claim, queue.

`record` decides the final event and writes it down on this runner; `publish` puts it on the stream of events,
which gets exactly one for each attempt, whichever runner writes it and however late; `finish_attempt` does
what follows. The stream itself decides: a final event is published on condition that the last event of its
job is the one up to which its author has read. What a runner wrote before it was cut off, and what others
wrote about it meanwhile, can so never both be stored.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from weakref import WeakValueDictionary

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import TakenMessage
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import STATUS_CHANGED
from webjobs_rules.status import Reason

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.run_events import initializing_event
from webjobs_runner.domain.run_outcome import Ended, Outcome, final_event, final_log_lines
from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.log import logger
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.event_lookup import find_final_event, read_run
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.queue_signals import QueueSignals
from webjobs_runner.runs.run_log import RunLog
from webjobs_runner.runs.status_file import StatusFiles

_LOG_PATIENCE = 0.5  # seconds that the final event waits for the log before it


@dataclass(frozen=True, slots=True)
class Unattended:
    """An attempt that no runner works on: its runner is lost, or it never began.

    Attributes:
        attempt: To be ended.
        after: Sequence that the stream of events had before the attempt.
        outcome: How it ends, unless the stream or the status file knows better.
        instance_id: The runner that had it, or that ends it without having begun it.
        definition: Of the job; None when it is deleted.
        log: Of the run, when this runner is the only one that may write it; None when it may not.
        digest: The version that it ran; empty: the definition's.
        initialized_at: When it was taken; None: unknown.
    """

    attempt: Attempt
    after: int
    outcome: Outcome
    instance_id: str
    definition: JobDefinition | None
    log: RunLog | None = None
    digest: str = ""
    initialized_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An attempt that ran here and has ended, with its final event on disk.

    Attributes:
        attempt: That has ended.
        event: Its final event, as this runner recorded it.
        log: Of the run.
        steps: The sequence of its last event before the final one, once stored; None: it has none.
        after: Sequence that the stream of events had before the attempt.
        claimed_at: Monotonic instant since which this runner owns it.
    """

    attempt: Attempt
    event: RunEnded
    log: RunLog
    steps: asyncio.Future[int] | None
    after: int
    claimed_at: float


class Finish:
    """Ends runs, of this runner and of others; any number of runners may end the same attempt."""

    def __init__(
        self, dependencies: RunDependencies, statuses: StatusFiles, peers: Peers, signals: QueueSignals
    ) -> None:
        self._bus = dependencies.bus
        self._instance = dependencies.instance
        self._outbox = dependencies.outbox
        self._claims = dependencies.claims
        self._requests = dependencies.requests
        self._journal = dependencies.journal
        self._statuses = statuses
        self._peers = peers
        self._signals = signals
        self._outage = dependencies.bus.connection.outage_of("end of runs")
        self._locks: WeakValueDictionary[JobName, asyncio.Lock] = WeakValueDictionary()

    async def complete(self, ended: RecordedOutcome, message: TakenMessage) -> None:
        """Publish the final event of an attempt that ran here, and do what follows, once NATS answers."""
        attempt = ended.attempt
        if self._bus.is_connected:
            await ended.log.shipped(_LOG_PATIENCE)
        last = ended.after if ended.steps is None else await asyncio.shield(ended.steps)
        # While our lease held without a gap no other runner can have ended the run.
        is_sure = self._peers.held_since(ended.claimed_at)
        end = await self.publish(attempt, ended.event, last if is_sure else ended.after, is_known=is_sure)
        next_attempt = await self._outage.retry(partial(self.finish_attempt, attempt, end, message))
        await ended.log.shipped(None)
        self._journal.forget(attempt.command)
        if next_attempt is not None:
            self._requests.pass_on(attempt.job_name, attempt.run_id)  # one that came after the script's end
            await self._let_come_back(next_attempt, message)

    def record(self, ended: Ended, definition: JobDefinition | None, log: RunLog | None) -> RunEnded:
        """Decide the final event, write it into the log and into the status file, and return it.

        Args:
            ended: The attempt and its outcome.
            definition: Of the job, which says whether it is retried; None when it is deleted.
            log: Of the run; None when another runner wrote it, or the run never began.
        """
        event = final_event(
            ended,
            instance_id=self._instance.id,
            retry=settings_of(definition).retry if definition else None,
            now=datetime.now(UTC),
            has_error_log=log is not None and log.has_errors,
        )
        if log is not None:
            for text, level in final_log_lines(event):
                log.write_system(text, level)
            event = log.with_sizes(event)
        self._write_status(event)
        return event

    async def finish_unattended(self, run: Unattended) -> Attempt | None:
        """End an attempt that no runner works on, unless it has ended; returns the next attempt, if any.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        attempt = run.attempt
        found = await read_run(self._bus, attempt, run.after)
        end = found.end if found.attempt.run_id == attempt.run_id else found.before
        if end is not None:
            if run.log is not None:
                self._write_status(end)
            return await self._finish_unattended(attempt, end)
        digest = found.digest or run.digest or (run.definition.digest if run.definition else "")
        if not found.has_begun:
            await self._publish_beginning(run, digest)
        event = self._statuses.read(attempt.job_name, attempt.run_id) if run.log else None
        if event is not None and run.log is not None:
            event = run.log.with_sizes(event)  # a power cut may have cost the end of the log
        if event is None:
            ended = Ended(attempt, run.outcome, digest, found.started_at)
            event = self.record(ended, run.definition, run.log)
        logger.warning("run ended in place of its runner", run_id=attempt.run_id, reason=event.reason)
        if run.log is not None:
            await run.log.shipped(_LOG_PATIENCE)
        end = await self.publish(attempt, event, run.after, is_known=False)
        return await self._finish_unattended(attempt, end)

    async def _finish_unattended(self, attempt: Attempt, end: RunEnded) -> Attempt | None:
        next_attempt = await self.finish_attempt(attempt, end)
        if next_attempt is not None:  # no runner that ran it counts the time until then
            self._signals.attempt_waits(next_attempt)
        return next_attempt

    async def publish(
        self, attempt: Attempt, event: RunEnded, looked_until: int, *, is_known: bool
    ) -> RunEnded:
        """Publish the final event of an attempt unless it has one, waiting while NATS is away.

        Args:
            attempt: That has ended.
            event: Its final event.
            looked_until: Sequence up to which the attempt certainly had not ended.
            is_known: Whether that is the sequence of an event of this job, perhaps the last one.

        Returns:
            The final event that the attempt has now: this one, or that of a runner that was faster.
        """
        if is_known:
            with suppress(RevisionConflict, BusUnavailable):  # it may be stored: the stream is asked below
                return await self._publish_after(attempt, event, looked_until)
        # One at a time: the runs of a job that end together would otherwise keep failing each other.
        lock = self._locks.setdefault(attempt.job_name, asyncio.Lock())
        async with lock:
            end = await self._outage.retry(
                partial(self._publish_unless_ended, attempt, event, looked_until), run_id=attempt.run_id
            )
        if end != event:
            logger.warning("run was ended by another runner meanwhile", run_id=attempt.run_id)
            self._write_status(end)
        return end

    async def _publish_unless_ended(self, attempt: Attempt, event: RunEnded, looked_until: int) -> RunEnded:
        """Publish a final event unless the attempt has one; returns the one it has now."""
        while True:
            end, last = await find_final_event(self._bus, attempt, looked_until, event)
            if end is not None:
                return end
            with suppress(RevisionConflict):
                return await self._publish_after(attempt, event, last)
            looked_until = max(looked_until, last)

    async def finish_attempt(
        self, attempt: Attempt, end: RunEnded, message: TakenMessage | None = None
    ) -> Attempt | None:
        """Do what follows a final event that is on the stream, once, whichever other runner does so too.

        Args:
            attempt: That has ended.
            end: Its final event.
            message: Its command, when that was delivered to us: the quickest way to settle it.

        Returns:
            The next attempt, for which the claim waits now; None when the run is over and its command has
            left the queue.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        command = attempt.command
        if end.next_run_id is not None:
            next_attempt = attempt.after(end.next_run_id, end.next_attempt_at)
            found = await self._claims.read(command.job_name, command.run_id)
            if found is not None and found.claim.attempt_of(command).run_id == attempt.run_id:
                await self._claims.let_wait(found, next_attempt, found.claim.after)
            return next_attempt
        await self.settle(command, message)
        for run_id in (attempt.run_id, attempt.retry_of):
            if run_id is not None:
                await self._requests.drop(attempt.job_name, run_id)
        return None

    async def _let_come_back(self, next_attempt: Attempt, message: TakenMessage) -> None:
        """Have the command delivered again when its next attempt may start."""
        if isinstance(message, FoundCommand):  # the queue does not know that this runner has it
            self._signals.attempt_waits(next_attempt)
        elif next_attempt.not_before is not None:
            await message.give_back(max(0.0, next_attempt.not_before.timestamp() - time.time()))

    async def settle(self, command: RunTriggeredJob, message: TakenMessage | None = None) -> None:
        """Take the command of a run that is over out of the queue, which frees its job, and drop its claim.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        if message is None or not await message.done():
            sequence = await self._pending_sequence(command)
            if sequence is not None:
                await self._bus.withdraw_command(sequence)
        await self._claims.drop(command.job_name, command.run_id)
        self._signals.job_changed(command.job_name)

    async def is_pending(self, command: RunTriggeredJob) -> bool:
        """Whether a command is still in the queue.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await self._pending_sequence(command) is not None

    def _write_status(self, event: RunEnded) -> None:
        # The data of a deleted job stay away.
        if event.reason is not Reason.DELETED or self._statuses.has_folder(event):
            self._statuses.write(event)

    async def _publish_beginning(self, run: Unattended, digest: str) -> None:
        """Publish the first event of an attempt that ends without having it."""
        attempt, at = run.attempt, run.initialized_at
        if at is None:
            at = attempt.command.requested_at if attempt.retry_of is None else datetime.now(UTC)
        first = initializing_event(attempt, instance_id=run.instance_id, digest=digest, at=at)
        if run.log is not None:
            run.log.write_system(f"{STATUS_CHANGED}{first.status}")
        await asyncio.shield(self._outbox.add(first, attempt.cause))

    async def _publish_after(self, attempt: Attempt, event: RunEnded, last: int) -> RunEnded:
        """Publish and return a final event, if `last` is the sequence of the job's last event."""
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, event.job_name, "*")
        await self._bus.publish_event(event, attempt.cause, after=(pattern, last))
        return event

    async def _pending_sequence(self, command: RunTriggeredJob) -> int | None:
        subject = command.subject(self._bus.subjects)
        pending = await self._bus.last_message(self._bus.subjects.commands_stream, subject)
        if pending is None or pending.headers.get("Nats-Msg-Id") != command.command_id:
            return None
        return pending.sequence
