"""Asking for the run of a due time: any number of times, by any number of runners, for one run."""

import asyncio
from contextlib import aclosing
from datetime import datetime

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import CommandRefused, UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import token_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import ConcurrencyPolicy
from webjobs_rules.run_id import RunId, run_id_at
from webjobs_rules.status import Status

from webjobs_runner.schedule.ticks import Cursor, scheduled_command_id, scheduled_trace

_TRIES_AFTER = (0.02, 0.08, 0.15)  # seconds: a run that has just ended leaves the queue a moment later


class ScheduledRuns:
    """Puts commands for due times into the queue, and finds those that were."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def request(
        self,
        job_name: JobName,
        due: datetime,
        *,
        policy: ConcurrencyPolicy,
        trigger: str,
        now: datetime,
        cursor: Cursor,
        trace_seed: str = "",
    ) -> RunId | None:
        """Request the run of a due time, or find that it was requested.

        Args:
            job_name: Of the job.
            due: The due time, of which nothing is recorded up to `cursor`.
            policy: What the job wants done about runs that are not over.
            trigger: The trigger text, as Kudu writes it.
            now: This instant.
            cursor: How far the job's due times are recorded.
            trace_seed: As for `scheduled_trace`.

        Returns:
            None when it is requested; else the run that is in the way.

        Raises:
            BusUnavailable: NATS does not answer; it may or may not be requested.
        """
        run_id = run_id_at(due)
        command_id = scheduled_command_id(job_name, run_id)
        command = RunTriggeredJob(
            command_id=command_id,
            traceparent=scheduled_trace(command_id, trace_seed).traceparent,
            job_type=JobType.TRIGGERED,
            job_name=job_name,
            requested_at=now,
            requested_by=trigger,
            run_id=run_id,
            slot=_slot(policy, run_id),
            may_repeat=True,
            looked_until=cursor.recorded_at,
            scheduled_for=due,
        )
        other = RunId("")
        for delay in (*_TRIES_AFTER, None):
            try:
                await self._bus.publish_command(command)
                return None
            except CommandRefused:
                pending = await self._pending(command.subject(self._bus.subjects))
            if pending == run_id:
                return None
            other = pending or other
            if delay is not None:
                await asyncio.sleep(delay)
        return other

    async def was_requested(
        self, job_name: JobName, due: datetime, policy: ConcurrencyPolicy, cursor: Cursor
    ) -> bool:
        """Whether the first due time after `cursor` has its run, though it is not recorded yet.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        subjects, run_id = self._bus.subjects, run_id_at(due)
        slot = _slot(policy, run_id)
        if await self._pending(subjects.command(JobType.TRIGGERED, job_name, "run", slot)) == run_id:
            return True
        begun = subjects.job_event(JobType.TRIGGERED, job_name, Status.INITIALIZING)
        newest = await self._bus.last_message(subjects.events_stream, begun)
        about = f"triggered/{token_of(job_name)}/"
        if newest is None or newest.sequence <= cursor.recorded_at:
            return False
        async with aclosing(
            self._bus.pages_from(subjects.events_stream, begun, start_sequence=cursor.recorded_at + 1)
        ) as pages:
            async for page in pages:
                if any(message.headers.get("ce-subject") == about + run_id for message in page):
                    return True
        return False

    async def _pending(self, subject: str) -> RunId | None:
        """The run whose command holds this subject; None when there is none any more."""
        message = await self._bus.pending_command(subject)
        if message is None:
            return None
        try:
            command = decode_command(subject, message.data)
        except UndecodableMessage:
            return None
        return command.run_id if isinstance(command, RunTriggeredJob) else None


def _slot(policy: ConcurrencyPolicy, run_id: RunId) -> str:
    """A job that takes one run at a time and refuses others has one command; any other one for each run."""
    return "" if policy is ConcurrencyPolicy.REJECT else run_id
