"""Claims run commands, and performs what `domain/claimed_run.py` decides about them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import QueuedMessage, TakenMessage, first_since
from webjobs_rules.job import JobType
from webjobs_rules.run_id import instant_of

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claimed_run import (
    OWNED_DELAY,
    SOON,
    Abort,
    Claimed,
    Delivery,
    Ignore,
    Owner,
    Settle,
    Start,
    Wait,
    decide,
    is_early,
)
from webjobs_runner.domain.claimed_run import (
    Finish as FinishRun,
)
from webjobs_runner.domain.run_on_stream import RunOnStream
from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.runs.claims import TRACE_SECONDS, ClaimedRun, OwnAttempt
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.event_lookup import read_run
from webjobs_runner.runs.executor import RunExecution, RunExecutor
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.schedule.superseded_tick import is_superseded

_OWNED = (Owner.OURS, Owner.ALIVE, Owner.LOST)
_SKEW = timedelta(minutes=5)  # by which the clocks of clients and of runners may differ


class ClaimedRuns:
    """Collects the facts about a claimed command, has them decided, and performs the decision."""

    def __init__(
        self,
        dependencies: RunDependencies,
        peers: Peers,
        orphaned_runs: OrphanedRuns,
        finish: Finish,
        executor: RunExecutor,
        folders: EditedFolders,
    ) -> None:
        self._bus = dependencies.bus
        self._instance = dependencies.instance
        self._outbox = dependencies.outbox
        self._claims = dependencies.claims
        self._requests = dependencies.requests
        self._journal = dependencies.journal
        self._peers = peers
        self._orphaned_runs = orphaned_runs
        self._finish = finish
        self._executor = executor
        self._folders = folders

    async def claim(self, command: RunTriggeredJob, message: TakenMessage) -> RunExecution | None:
        """Claim a command, while its script is made ready to start.

        Args:
            command: That may start.
            message: It was delivered with.

        Returns:
            The execution of the attempt that this runner owns now; None when there is nothing to start, and
            all else is done.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        own = OwnAttempt(first_attempt(command), self._outbox.reached, time.monotonic())
        claiming = asyncio.ensure_future(self._claims.take(command, own.after))
        execution: RunExecution | None = None
        try:
            for _ in range(2):  # turns of the loop in which the claim is sent and written to the socket:
                await asyncio.sleep(0)  # what takes time comes after that
            definition = await self._folders.newest(JobType.TRIGGERED, command.job_name)
            execution = self._executor.prepare(own, definition)
            if await claiming:
                found = await self._perform(command, message, Claimed(Owner.NEW), None, own)
                if found is own:
                    return execution
            else:
                found = await self._of_earlier_claim(command, message)
            await execution.drop()
            return None if found is None else self._executor.prepare(found, definition)
        except BaseException as error:
            if not isinstance(error, BusUnavailable):
                claiming.cancel()
            await asyncio.gather(claiming, return_exceptions=True)
            if execution is not None:
                await execution.drop()
            raise

    async def _of_earlier_claim(self, command: RunTriggeredJob, message: TakenMessage) -> OwnAttempt | None:
        """Decide about a command that was claimed before; returns the attempt to start, if any."""
        claimed_at, after = time.monotonic(), self._outbox.reached
        run = await self._claims.read(command.job_name, command.run_id)
        if run is None:
            own = OwnAttempt(first_attempt(command), after, claimed_at)
            return await self._perform(command, message, Claimed(Owner.SETTLED), None, own)
        claimed = Claimed(await self._owner_of(run, command, message), run.claim)
        if claimed.owner is not Owner.WAITING:
            after = run.claim.after
        own = OwnAttempt(run.claim.attempt_of(command), after, claimed_at)
        return await self._perform(command, message, claimed, run, own)

    async def _perform(
        self,
        command: RunTriggeredJob,
        message: TakenMessage,
        claimed: Claimed,
        run: ClaimedRun | None,
        own: OwnAttempt,
    ) -> OwnAttempt | None:
        """Decide, and do it; returns the attempt if it is to be started here."""
        attempt = own.attempt
        request, delivery, now = self._requests.of_attempt(attempt), _delivery_of(message), datetime.now(UTC)
        if claimed.owner is Owner.SETTLED or (delivery is Delivery.LOOKED_UP and claimed.owner in _OWNED):
            seen = None  # whatever it shows
        elif run is not None and claimed.owner is Owner.WAITING and is_early(run.claim, request, now):
            seen = None
        else:
            seen = await self._seen(command, attempt, run)
        decision = decide(command, claimed, seen, delivery, request, now)
        if isinstance(decision, Start | Abort) and claimed.owner is Owner.WAITING:
            if run is None or not await self._claims.take_waiting(run, command, own.after):
                decision = Wait(OWNED_DELAY)  # another runner was faster
        match decision:
            case Start():
                if attempt.retry_of is not None or not await is_superseded(self._bus, command):
                    return own
                await self._finish.settle(command, message)
            case Wait():
                await message.give_back(decision.seconds)
            case FinishRun():
                if await self._finish.finish_attempt(decision.attempt, decision.end, message) is not None:
                    await message.give_back(SOON)
            case Abort():
                await self._orphaned_runs.end(decision, own.after)
                await message.give_back(SOON)  # for the next attempt, if there is one
            case Settle():
                await self._finish.settle(command, message)
            case Ignore():
                pass
        return None

    async def _seen(
        self, command: RunTriggeredJob, attempt: Attempt, run: ClaimedRun | None
    ) -> RunOnStream | None:
        """What the stream shows of the claimed attempt; None when it surely shows nothing.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        after = await self._before(command) if run is None else run.claim.after
        return None if after is None else await read_run(self._bus, attempt, after)

    async def _before(self, command: RunTriggeredJob) -> int | None:
        """The sequence behind which the stream shows a run of this command, if it had one; None: it had none.

        A settled claim leaves a trace: what was first requested a moment ago, and could be claimed, is new.
        """
        if not command.may_repeat:
            return None
        if command.looked_until:
            return command.looked_until
        age = datetime.now(UTC) - command.requested_at
        if -_SKEW < age < timedelta(seconds=TRACE_SECONDS) - _SKEW:
            return None
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, command.job_name, "*")
        since = instant_of(command.run_id) - _SKEW
        first = await first_since(self._bus, self._bus.subjects.events_stream, pattern, since)
        return None if first is None else first - 1

    async def _owner_of(self, run: ClaimedRun, command: RunTriggeredJob, message: TakenMessage) -> Owner:
        """Returns who owns a claimed run; whether a runner is lost is looked up for delivered commands only.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if run.claim.is_waiting:
            return Owner.WAITING
        if self._claims.is_own(run.claim):
            return Owner.ALIVE if self._executor.registry.is_ended(command.command_id) else Owner.OURS
        if isinstance(message, FoundCommand):
            return Owner.ALIVE
        if run.claim.instance == self._instance.id:  # of an earlier start: recovery ends what is journaled
            return Owner.ALIVE if self._journal.is_recorded(command) else Owner.LOST
        return Owner.LOST if await self._peers.is_lost(run.claim.instance) else Owner.ALIVE


def _delivery_of(message: TakenMessage) -> Delivery:
    if isinstance(message, FoundCommand):
        return Delivery.LOOKED_UP
    is_new = isinstance(message, QueuedMessage) and message.delivered == 1
    return Delivery.NEW if is_new else Delivery.REDELIVERED
