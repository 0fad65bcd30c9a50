"""The story of a run command: delivered, admitted, claimed, carried out, finished."""

from collections.abc import Callable

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.jetstream import Bus, TakenMessage

from webjobs_runner.domain.claimed_run import OWNED_DELAY
from webjobs_runner.log import logger
from webjobs_runner.runs.claimed_runs import ClaimedRuns
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.executor import RunExecution
from webjobs_runner.runs.failed_commands import FailedCommands, LoopBlocked
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.run_registry import RunRegistry

_RETRY_DELAY = 1.0  # seconds


class RunHandler:
    """Handles one run command with each call of `handle`."""

    def __init__(
        self,
        bus: Bus,
        registry: RunRegistry,
        limits: ConcurrencyLimits,
        claimed_runs: ClaimedRuns,
        finish: Finish,
        failed: FailedCommands,
    ) -> None:
        self._bus = bus
        self._registry = registry
        self._limits = limits
        self._claimed_runs = claimed_runs
        self._finish = finish
        self._failed = failed

    async def handle(self, message: TakenMessage, free: Callable[[], None]) -> None:
        """Handle one command; `free` is called when its script has ended."""
        command = await self._decoded(message)
        if command is None:
            return
        if not self._registry.is_open:
            await message.give_back(0)
            return
        if self._registry.is_handled(command.command_id):  # delivered again meanwhile
            await message.give_back(OWNED_DELAY)
            return
        with self._registry.handling(command.command_id):
            try:
                await self._run(command, message, free)
            except BusUnavailable:
                await message.give_back(_RETRY_DELAY)
            except Exception as error:  # whatever it was, the run has to end
                has_begun = self._registry.has_begun(command.command_id)
                await self._failed.failed(command, message, error, has_begun=has_begun)

    async def _run(self, command: RunTriggeredJob, message: TakenMessage, free: Callable[[], None]) -> None:
        if self._failed.is_given_up(command):
            await self._failed.end(command, message)
            return
        if not await self._limits.admit(command, message):
            return
        execution = await self._claim(command, message)
        if execution is None:
            return
        ended = await execution.carry_out()
        free()  # what follows needs no slot
        await self._finish.complete(ended, message)
        self._failed.succeeded(command)

    async def _claim(self, command: RunTriggeredJob, message: TakenMessage) -> RunExecution | None:
        blocked_before = self._failed.blocked_seconds
        try:
            return await self._claimed_runs.claim(command, message)
        except BusUnavailable as error:
            if blocked := self._failed.blocked_seconds - blocked_before:
                raise LoopBlocked(blocked) from error
            raise

    async def _decoded(self, message: TakenMessage) -> RunTriggeredJob | None:
        """The command of a message; None when it is parked, because it cannot be read."""
        try:
            command = decode_command(message.subject, message.data, message.headers)
            if not isinstance(command, RunTriggeredJob):
                raise UndecodableMessage(message.subject, f"{command.verb} is no command of this queue")
        except UndecodableMessage as error:
            logger.error("unreadable command parked", subject=message.subject, error=str(error))
            await self._bus.park("runner", message, error.reason)
            await message.refuse()
            return None
        return command
