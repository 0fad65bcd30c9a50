"""Commands to run triggered jobs: each is judged, carried out once, and settled."""

import asyncio
import time
from collections.abc import Callable

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.events import RunAborted, RunEnded
from webjobs_events.jetstream import QueuedMessage
from webjobs_events.job import JobName, JobType
from webjobs_events.status import Reason

from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.triggered.burial import Burial
from webjobs_runner.triggered.claims import Claims
from webjobs_runner.triggered.last_event import look_at_run, settle_command, write_end
from webjobs_runner.triggered.run_ending import Outcome, cause_of, ended_event
from webjobs_runner.triggered.triggered_run import RunWorkshop, TriggeredRun
from webjobs_runner.triggered.unfinished import UnfinishedRun, UnfinishedRuns

_LOG_PATIENCE = 0.5  # seconds that the last event waits for the log before it
_RETRY_DELAY = 1.0  # seconds
_HELD_DELAY = 5.0  # seconds after which a command that somebody else has in hand is looked at again


class TriggeredRuns:
    """Carries out run commands; one call of `handle` for each."""

    def __init__(
        self,
        workshop: RunWorkshop,
        definitions: Definitions,
        claims: Claims,
        peers: Peers,
        burial: Burial,
        unfinished: UnfinishedRuns,
    ) -> None:
        self._shop = workshop
        self._bus = workshop.bus
        self._definitions = definitions
        self._claims = claims
        self._peers = peers
        self._burial = burial
        self._unfinished = unfinished
        self._in_hand: set[str] = set()  # command ids
        self._running: set[TriggeredRun] = set()
        self._lapsed = asyncio.Event()
        self._is_open = True
        workshop.settings.on_change(self._setting_changed)

    def end_all(self, reason: Reason, evidence: str, job_name: JobName | None = None) -> None:
        """Ask the runs in hand, or those of one job, to end."""
        for run in self._running:
            if job_name is None or run.command.job_name == job_name:
                run.ask_to_end(reason, evidence)

    def close(self, evidence: str) -> None:
        """Begin no run any more, and ask those in hand to end because the runner stops."""
        self._is_open = False
        self.end_all(Reason.HOST_SHUTDOWN, evidence)

    def has_run_of(self, job_name: JobName) -> bool:
        """Whether a run of this job is in hand."""
        return any(run.command.job_name == job_name for run in self._running)

    def lapsed(self) -> None:
        """Our lease had a gap: others may have ended runs of ours."""
        self._lapsed.set()

    async def run(self) -> None:
        """End the scripts of runs that others have ended, until cancelled."""
        while True:
            await self._lapsed.wait()
            self._lapsed.clear()
            try:
                for run in list(self._running):
                    found = await look_at_run(self._bus, run.command.job_name, run.command.run_id)
                    if found.end is not None:
                        run.ask_to_end(Reason.RUNNER_LOST, "Other runners took this one for lost.")
            except BusUnavailable:
                self._lapsed.set()
                await asyncio.sleep(_RETRY_DELAY)

    def _setting_changed(self, name: str) -> None:
        if name == "WEBJOBS_STOPPED" and self._shop.settings.flag(name):
            self.end_all(Reason.STOPPED, "WEBJOBS_STOPPED was set.")
        elif name == "WEBJOBS_IDLE_TIMEOUT":
            for run in self._running:
                run.limit_changed.set()

    async def handle(self, message: QueuedMessage, free: Callable[[], None]) -> None:
        """Carry out one command; `free` is called when its script has ended."""
        try:
            command = decode_command(message.subject, message.data)
            if not isinstance(command, RunTriggeredJob):
                raise UndecodableMessage(message.subject, f"{command.verb} is not asked for here")
        except UndecodableMessage as error:
            logger.error("unreadable command parked", subject=message.subject, error=str(error))
            await self._bus.park("runner", message, error.reason)
            await message.refuse()
            return
        if not self._is_open:
            await message.give_back(0)
            return
        if command.command_id in self._in_hand:  # handed out again while we are at it
            await message.give_back(_HELD_DELAY)
            return
        self._in_hand.add(command.command_id)
        try:
            await self._take(command, message, free)
        finally:
            self._in_hand.discard(command.command_id)

    async def _take(self, command: RunTriggeredJob, message: QueuedMessage, free: Callable[[], None]) -> None:
        claimed_at = time.monotonic()
        claiming = asyncio.ensure_future(self._claims.take(command.job_name, command.run_id))
        run: TriggeredRun | None = None
        for _ in range(2):  # turns of the loop in which the claim is sent, and then written to the socket:
            await asyncio.sleep(0)  # what takes time comes after that
        try:
            definition = await self._definitions.newest(JobType.TRIGGERED, command.job_name)
            run = TriggeredRun(self._shop, command, definition)  # begins to prepare itself
            if not await claiming and not await self._judge(command, message):
                await run.drop()
                return
        except BusUnavailable:
            await asyncio.gather(claiming, return_exceptions=True)
            if run is not None:
                await run.drop()
            await message.give_back(_RETRY_DELAY)
            return
        event = await self._carry_out(run)
        free()
        if self._bus.is_connected:
            await run.log_shipped(_LOG_PATIENCE)
        after = await run.told()
        # While our lease held without a gap nobody can have ended the run in our place.
        if not await write_end(
            self._bus, event, cause_of(command), after if self._peers.held_since(claimed_at) else None
        ):
            logger.warning("run was ended by another runner meanwhile", run_id=command.run_id)
        await self._settle(command, message)
        await run.log_shipped(None)
        self._unfinished.forget(command)

    async def _carry_out(self, run: TriggeredRun) -> RunEnded:
        self._unfinished.note(
            UnfinishedRun(command=run.command, digest=run.digest, initialized_at=run.initialized_at)
        )
        self._running.add(run)
        if not self._is_open:
            run.ask_to_end(Reason.HOST_SHUTDOWN, "The runner is stopping.")
        try:
            return await run.carry_out()
        except Exception as error:  # whatever it was, a run that was begun has to end
            logger.exception("run failed in the runner itself", run_id=run.command.run_id)
            return ended_event(
                run.command,
                Outcome(RunAborted, Reason.START_ERROR, f"The runner failed: {error}"),
                instance_id=self._shop.instance.id,
                digest=run.digest,
                started_at=None,
                has_error_log=False,
            )
        finally:
            self._running.discard(run)

    async def _settle(self, command: RunTriggeredJob, message: QueuedMessage) -> None:
        """Take the command out of the queue, and then its claim away."""
        is_done = await message.done()
        while not is_done:
            try:
                await settle_command(self._bus, command)
                is_done = True
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)
        await self._claims.drop(command.job_name, command.run_id)

    async def _judge(self, command: RunTriggeredJob, message: QueuedMessage) -> bool:
        """Decide about a command whose run is claimed; answers whether it is for us to begin.

        A run that somebody has begun is never begun again.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        claim = await self._claims.read(command.job_name, command.run_id)
        found = await look_at_run(self._bus, command.job_name, command.run_id)
        if claim is None or found.end is not None:
            await self._settle(command, message)
        elif self._claims.is_own(claim):
            return True  # the answer to our claim was lost
        elif claim.instance == self._shop.instance.id:
            if self._unfinished.is_noted(command):  # how it ended may be known: recovery is at it
                await message.give_back(_HELD_DELAY)
            else:
                await self._burial.bury(command, claim.instance)
        elif await self._peers.is_lost(claim.instance):
            await self._burial.bury(command, claim.instance)
        else:
            await message.give_back(_HELD_DELAY)
        return False
