"""Takes commands about definitions from the queue; each is carried out once and answered."""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec
from webjobs_events.commands import (
    JOB_QUEUE,
    JOB_VERBS,
    CommandReply,
    DeployJob,
    ImportRuns,
    JobCommand,
    ReplyCode,
    RunTriggeredJob,
    decode_command,
)
from webjobs_events.errors import BusUnavailable, RevisionConflict, StorageFull, UndecodableMessage
from webjobs_events.jetstream import Bus, JobKey, QueuedMessage

from webjobs_runner.in_flight import InFlightCommands
from webjobs_runner.jobs.job_commands import JobCommands
from webjobs_runner.jobs.replies import no_space
from webjobs_runner.log import logger

_ROOM = 16  # commands that are carried out at the same time; some wait long for packages
_RETRY_DELAY = 1.0  # seconds
_CANCEL_SECONDS = 2.0  # that a command may take to end which is left to another runner

_encoder = msgspec.json.Encoder()


class JobInbox:
    """Takes the commands; those about the same job are carried out one after the other."""

    def __init__(
        self, bus: Bus, commands: JobCommands, leave_deployments: Callable[[], bool] = lambda: False
    ) -> None:
        """While `leave_deployments` is true another runner, which has room, gets the deployments."""
        self._bus = bus
        self._outage = bus.connection.outage_of("removal of finished commands from the queue")
        self._leave_deployments = leave_deployments
        self._commands = commands
        self._latest: dict[JobKey, asyncio.Task[None]] = {}
        self._in_flight = InFlightCommands(
            bus,
            JOB_QUEUE,
            bus.subjects.job_commands(JOB_VERBS),
            room=lambda: _ROOM - len(self._in_flight),
            on_message=lambda message: self._in_flight.hold(message, self._work(message)),
        )

    async def run(self) -> None:
        """Take commands until cancelled; those in progress then are delivered again."""
        await self._in_flight.run()

    async def close(self, patience_seconds: float) -> None:
        """Take no more, and finish those in progress; one that takes too long is left to another runner."""
        await self._in_flight.stop_taking()
        # The next runner goes on in the log of a deployment only when this one writes no more.
        for message in await self._in_flight.finish(patience_seconds, cancel_seconds=_CANCEL_SECONDS):
            await message.give_back(0)

    async def _work(self, message: QueuedMessage) -> None:
        try:
            command = decode_command(message.subject, message.data, message.headers)
            if isinstance(command, RunTriggeredJob):
                raise UndecodableMessage(message.subject, "run is not asked for here")
        except UndecodableMessage as error:
            await self._park(message, error)
            return
        key = (command.job_type, command.job_name)
        before, own = self._latest.get(key), asyncio.current_task()
        assert own is not None
        self._latest[key] = own
        try:
            if before is not None:
                await asyncio.wait({before})
            if message.delivered == 1 or await self._is_waiting(message):
                await self._answer(command, message)
        finally:
            if self._latest.get(key) is own:
                del self._latest[key]

    async def _answer(self, command: JobCommand, message: QueuedMessage) -> None:
        if isinstance(command, DeployJob | ImportRuns) and self._leave_deployments():
            await message.give_back(_RETRY_DELAY)
            return
        try:
            reply = await self._commands.carry_out(command)
        except StorageFull as error:
            reply = no_space(str(error))
        except (BusUnavailable, RevisionConflict) as error:
            logger.warning("command is tried again", command=command.verb, error=str(error))
            await message.give_back(_RETRY_DELAY)
            return
        except Exception as error:
            logger.exception("command failed", command=command.verb, job=command.job_name)
            reply = CommandReply(code=ReplyCode.FAILED, message=f"The runner failed: {error}")
        await self._commands.ended(command, reply)
        # Out of the queue before the answer: who has the answer may send the next command at once.
        await self._finish(message)
        if command.reply_to:
            try:
                await self._bus.reply(command.reply_to, _encoder.encode(reply))
            except Exception as error:  # a subject that cannot be published on, perhaps: the command is done
                logger.warning("answer not sent", command=command.verb, error=str(error))

    async def _park(self, message: QueuedMessage, error: UndecodableMessage) -> None:
        logger.error("unreadable command parked", subject=message.subject, error=str(error))
        try:
            await self._bus.park("runner", message, error.reason)
        except BusUnavailable:
            await message.give_back(_RETRY_DELAY)
            return
        await self._finish(message)

    async def _finish(self, message: QueuedMessage) -> None:
        """Take a command out of the queue: delivered again it would undo what came after it."""
        await self._outage.retry(partial(self._erase, message))

    async def _erase(self, message: QueuedMessage) -> None:
        """Overwrite a command on the server's disk, where acknowledging leaves it: settings hold secrets.

        Raises:
            BusUnavailable: It is neither erased nor acknowledged.
        """
        try:
            await self._bus.withdraw_command(message.sequence)
        except BusUnavailable as error:
            if not await message.done():
                raise
            logger.warning("finished command not erased", subject=message.subject, error=str(error))
        else:
            await message.done()

    async def _is_waiting(self, message: QueuedMessage) -> bool:
        """Whether a command that was delivered before is still to be carried out."""
        try:
            waiting = await self._bus.pending_command(message.subject)
        except BusUnavailable:
            await message.give_back(_RETRY_DELAY)
            return False
        return waiting is not None and waiting.sequence == message.sequence
