"""Run commands that a runner looks up in the queue, beside those that the queue delivers."""

from collections.abc import Iterable
from dataclasses import dataclass

from webjobs_events.commands import JOB_VERBS, RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_rules.job import JobName, JobType


class FoundCommand:
    """A command that was looked up: the queue goes on delivering it, and notices its removal only."""

    def __init__(self, bus: Bus, message: StreamMessage) -> None:
        self._bus = bus
        self._message = message

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self._message.subject

    @property
    def data(self) -> bytes:
        """Its body."""
        return self._message.data

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        return dict(self._message.headers)

    @property
    def sequence(self) -> int:
        """In the stream of commands."""
        return self._message.sequence

    async def done(self) -> bool:
        """Remove it from the queue; False when the server did not confirm that."""
        try:
            return await self._bus.withdraw_command(self.sequence)
        except BusUnavailable:
            return False

    async def keep(self) -> None:
        """Do nothing: the queue does not know that this runner has it."""

    async def give_back(self, delay_seconds: float) -> None:
        """Do nothing: the queue delivers it in its own time."""

    async def refuse(self) -> None:
        """Do nothing: the runner to which it is delivered refuses it."""


@dataclass(frozen=True, slots=True)
class QueuedRuns:
    """The oldest commands to run a job that are in the queue.

    Attributes:
        commands: With their messages, oldest first.
        more: How many more there are behind them, at most.
    """

    commands: list[tuple[StreamMessage, RunTriggeredJob]]
    more: int

    @property
    def sequences(self) -> list[int]:
        """Of the messages."""
        return [message.sequence for message, _ in self.commands]


async def oldest_runs_of(bus: Bus, job_name: JobName, count: int) -> QueuedRuns:
    """Returns the first `count` run commands of a job, or a few more.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    pattern = bus.subjects.commands_of(JobType.TRIGGERED, job_name)  # of other verbs there is one each
    batch, more = await bus.messages_from(bus.subjects.commands_stream, pattern, count=count + len(JOB_VERBS))
    return QueuedRuns(_runs_in(batch), more)


async def all_runs_of(bus: Bus, job_name: JobName) -> QueuedRuns:
    """Returns all run commands of a job.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    pattern = bus.subjects.commands_of(JobType.TRIGGERED, job_name)
    return QueuedRuns(_runs_in(await bus.pending_commands(pattern)), 0)


def _runs_in(messages: Iterable[StreamMessage]) -> list[tuple[StreamMessage, RunTriggeredJob]]:
    found = []
    for message in messages:
        try:
            command = decode_command(message.subject, message.data, message.headers)
        except UndecodableMessage:
            continue  # parked by the runner to which it is delivered
        if isinstance(command, RunTriggeredJob):
            found.append((message, command))
    return found
