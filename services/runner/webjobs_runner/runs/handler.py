"""Commands to run triggered jobs: each is judged, carried out once, and settled."""

import asyncio
import time
from collections.abc import Callable

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import TakenMessage
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.status import Reason

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claimed_runs import HELD_DELAY, ClaimedRuns
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.event_lookup import look_at_run
from webjobs_runner.runs.executor import RunDependencies, RunExecution
from webjobs_runner.runs.failed_commands import FailedCommands, LoopBlocked
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.run_journal import RunJournal, UnfinishedRun
from webjobs_runner.runs.unstarted_runs import UnstartedRuns

_LOG_PATIENCE = 0.5  # seconds that the last event waits for the log before it
_RETRY_DELAY = 1.0  # seconds


class RunHandler:
    """Carries out run commands; one call of `handle` for each."""

    def __init__(
        self,
        workshop: RunDependencies,
        definitions: Definitions,
        claims: Claims,
        peers: Peers,
        turns: ConcurrencyLimits,
        judgement: ClaimedRuns,
        wishes: CancelRequests,
        cancellation: UnstartedRuns,
        failed: FailedCommands,
        unfinished: RunJournal,
    ) -> None:
        self._shop = workshop
        self._bus = workshop.bus
        self._definitions = definitions
        self._claims = claims
        self._peers = peers
        self._turns = turns
        self._judgement = judgement
        self._finish = workshop.finish
        self._wishes = wishes
        self._cancellation = cancellation
        self._failed = failed
        self._unfinished = unfinished
        self._in_hand: set[str] = set()  # command ids
        self._called: set[str] = set()  # those of them whose turn came while somebody looked
        self._begun: set[str] = set()  # those of them whose attempt must not be begun again
        self._running: set[RunExecution] = set()
        self._lapsed = asyncio.Event()
        self._is_open = True
        self.begin: Callable[[TakenMessage], object] = lambda _message: None
        """Begins a command that is not handed out by the queue."""
        workshop.settings.on_change(self._setting_changed)

    def end_all(self, reason: Reason, evidence: str, job_name: JobName | None = None) -> None:
        """Ask the runs in hand, or those of one job, to end."""
        for run in self._running:
            if job_name is None or run.attempt.job_name == job_name:
                run.ask_to_end(reason, evidence)

    def wished(self, job_name: JobName, run_id: RunId) -> None:
        """Somebody wishes that a run be ended."""
        for run in self._running:
            if (run.attempt.job_name, run.attempt.run_id) == (job_name, run_id):
                self._heed(run)
                return
        self._cancellation.wished(job_name, run_id)

    def close(self, evidence: str) -> None:
        """Begin no run any more, and ask those in hand to end because the runner stops."""
        self._is_open = False
        self.end_all(Reason.HOST_SHUTDOWN, evidence)

    def has_run_of(self, job_name: JobName) -> bool:
        """Whether a run of this job is in hand."""
        return any(run.attempt.job_name == job_name for run in self._running)

    def call(self, command_id: str) -> bool:
        """Say that a command's turn has come; answers whether it is in hand here."""
        if command_id not in self._in_hand:
            return False
        self._called.add(command_id)
        return True

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
                    found = await look_at_run(self._bus, run.attempt, run.after)
                    if found.end is not None or found.before is not None:
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

    def _heed(self, run: RunExecution) -> None:
        """Ask a run to end if somebody wishes that, of it or of the attempt that ended before."""
        attempt = run.attempt
        wish = self._wishes.of(attempt.job_name, attempt.run_id)
        if wish is None and attempt.retry_of is not None:
            wish = self._wishes.of(attempt.job_name, attempt.retry_of)
        if wish is not None:
            run.ask_to_end(wish.reason, wish.evidence)

    async def handle(self, message: TakenMessage, free: Callable[[], None]) -> None:
        """Carry out one command; `free` is called when its script has ended."""
        try:
            command = decode_command(message.subject, message.data, message.headers)
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
            await message.give_back(HELD_DELAY)
            return
        self._in_hand.add(command.command_id)
        try:
            await self._handle(command, message, free)
        except BusUnavailable:
            await message.give_back(_RETRY_DELAY)
        except Exception as error:  # whatever it was, the run has to end
            has_begun = command.command_id in self._begun
            await self._failed.failed(command, message, error, has_begun=has_begun)
        finally:
            for known in (self._in_hand, self._called, self._begun):
                known.discard(command.command_id)

    async def _handle(
        self, command: RunTriggeredJob, message: TakenMessage, free: Callable[[], None]
    ) -> None:
        if self._failed.is_given_up(command):
            await self._failed.end(command, message)
            self._unfinished.forget(command)
        elif await self._is_next(command, message):
            await self._take(command, message, free)

    async def _is_next(self, command: RunTriggeredJob, message: TakenMessage) -> bool:
        """Whether it is this command's turn; if not, it is given back until it may be."""
        if isinstance(message, FoundCommand) or not self._turns.is_in_line(command):
            return True  # it was looked up because its turn had come
        while True:
            self._called.discard(command.command_id)
            try:
                definition = await self._definitions.newest(JobType.TRIGGERED, command.job_name)
                delay = await self._turns.delay_of(command, message.sequence, definition)
            except BusUnavailable:
                delay = _RETRY_DELAY
            if delay is None:
                return True
            if command.command_id not in self._called:
                await message.give_back(delay)
                return False

    async def _take(self, command: RunTriggeredJob, message: TakenMessage, free: Callable[[], None]) -> None:
        """Claim a command, and begin its run; what is claimed already is judged."""
        claimed_at, after = time.monotonic(), self._shop.outbox.reached
        blocked_before = self._failed.blocked_seconds
        claiming = asyncio.ensure_future(self._claims.take(command, after))
        run: RunExecution | None = None
        for _ in range(2):  # turns of the loop in which the claim is sent, and then written to the socket:
            await asyncio.sleep(0)  # what takes time comes after that
        try:
            definition = await self._shop.folders.newest(JobType.TRIGGERED, command.job_name)
            run = RunExecution(self._shop, first_attempt(command), definition, after)  # prepares itself
            if await claiming:
                if await self._judgement.has_run_before(command):
                    await run.drop()
                    return
            else:
                await run.drop()
                own = await self._judgement.decide(command, message)
                if own is None:
                    return
                claimed_at = own.claimed_at
                run = RunExecution(self._shop, own.attempt, definition, own.after)
        except BusUnavailable as error:
            await asyncio.gather(claiming, return_exceptions=True)
            if run is not None:
                await run.drop()
            if blocked := self._failed.blocked_seconds - blocked_before:
                raise LoopBlocked(blocked) from error
            await message.give_back(_RETRY_DELAY)
            return
        except BaseException:
            claiming.cancel()
            await asyncio.gather(claiming, return_exceptions=True)
            if run is not None:
                await run.drop()
            raise
        await self._see_through(run, message, claimed_at, free)

    async def _see_through(
        self, run: RunExecution, message: TakenMessage, claimed_at: float, free: Callable[[], None]
    ) -> None:
        """Carry out an attempt, write its end, and do what follows."""
        self._begun.add(run.attempt.command.command_id)
        event = await self._carry_out(run)
        free()
        if self._bus.is_connected:
            await run.log_shipped(_LOG_PATIENCE)
        told = await run.told()
        # While our lease held without a gap nobody can have ended the run in our place.
        is_sure = self._peers.held_since(claimed_at)
        end = await self._finish.publish(run.attempt, event, told if is_sure else run.after, is_known=is_sure)
        next_attempt = await self._conclude(run.attempt, end, message)
        await run.log_shipped(None)
        self._unfinished.forget(run.attempt.command)
        self._failed.succeeded(run.attempt.command)
        if next_attempt is not None and self._wishes.of(next_attempt.job_name, run.attempt.run_id):
            self.wished(next_attempt.job_name, run.attempt.run_id)  # it came when the script had ended
        if next_attempt is not None and next_attempt.not_before is not None:
            await self._come_back(message, max(0.0, next_attempt.not_before.timestamp() - time.time()))

    async def _come_back(self, message: TakenMessage, delay: float) -> None:
        """Have a command handed out again for its next attempt."""
        if isinstance(message, FoundCommand):  # the queue does not know that its time is set
            asyncio.get_running_loop().call_later(delay, self.begin, message)
        await message.give_back(delay)

    async def _carry_out(self, run: RunExecution) -> RunEnded:
        attempt = run.attempt
        self._unfinished.note(
            UnfinishedRun(
                command=attempt.command,
                digest=run.digest,
                initialized_at=run.initialized_at,
                after=run.after,
                run_id=attempt.run_id,
                attempt=attempt.number,
                retry_of=attempt.retry_of,
            )
        )
        self._running.add(run)
        self._heed(run)
        if not self._is_open:
            run.ask_to_end(Reason.HOST_SHUTDOWN, "The runner is stopping.")
        try:
            return await run.carry_out()
        finally:
            self._running.discard(run)

    async def _conclude(self, attempt: Attempt, end: RunEnded, message: TakenMessage) -> Attempt | None:
        while True:
            try:
                return await self._finish.conclude(attempt, end, message)
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)
