"""What follows the last event of an attempt: its command leaves the queue, or waits for the next attempt."""

from collections.abc import Callable

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus, TakenMessage
from webjobs_events.job import JobName

from webjobs_runner.triggered.attempt import Attempt
from webjobs_runner.triggered.claims import Claims
from webjobs_runner.triggered.wishes import Wishes


class Conclusions:
    """Any number of runners may conclude the same attempt: it is done once."""

    def __init__(self, bus: Bus, claims: Claims, wishes: Wishes) -> None:
        self._bus = bus
        self._claims = claims
        self._wishes = wishes
        self.on_freed: Callable[[JobName], None] = lambda _job_name: None
        """Told when a command of a job has left the queue."""

    async def conclude(
        self, attempt: Attempt, end: RunEnded, message: TakenMessage | None = None
    ) -> Attempt | None:
        """Do what follows an end that is on the stream; answers the next attempt, None when the run is over.

        Args:
            attempt: That has ended.
            end: Its terminal event.
            message: Its command, when that was handed to us: the quickest way to take it out of the queue.

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
                await self._wishes.drop(attempt.job_name, run_id)
        return None

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
        self.on_freed(command.job_name)

    async def is_pending(self, command: RunTriggeredJob) -> bool:
        """Whether a command is still in the queue.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await self._pending_sequence(command) is not None

    async def _pending_sequence(self, command: RunTriggeredJob) -> int | None:
        subject = command.subject(self._bus.subjects)
        pending = await self._bus.last_message(self._bus.subjects.commands_stream, subject)
        if pending is None or pending.headers.get("Nats-Msg-Id") != command.command_id:
            return None
        return pending.sequence
