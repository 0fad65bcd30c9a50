"""What to do about a command whose run somebody has claimed: begin it, bury it, or leave it alone."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.jetstream import Bus, TakenMessage, first_since
from webjobs_events.job import JobType
from webjobs_events.run_id import instant_of

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.heartbeat import Peers
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.runs.claims import TRACE_SECONDS, ClaimedRun, Claims
from webjobs_runner.runs.event_lookup import look_at_run
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.schedule.superseded_tick import is_superseded

HELD_DELAY = 5.0
"""Seconds after which a command that somebody else has in hand is looked at again."""

_SOON = 0.1  # seconds
_SKEW = timedelta(minutes=5)  # by which the clocks of those who ask and of runners may differ


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """An attempt that is ours to begin, and where the stream of events was before it."""

    attempt: Attempt
    after: int
    claimed_at: float  # monotonic


class ClaimedRuns:
    """A run that somebody has begun is never begun again."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        outbox: Outbox,
        claims: Claims,
        peers: Peers,
        burial: OrphanedRuns,
        finish: Finish,
        unfinished: RunJournal,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._outbox = outbox
        self._claims = claims
        self._peers = peers
        self._burial = burial
        self._finish = finish
        self._unfinished = unfinished

    async def has_run_before(self, command: RunTriggeredJob) -> bool:
        """Whether a command that may be sent again has had its run, or will have none; it is settled then.

        To be asked by who has just claimed it.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if await is_superseded(self._bus, command):
            await self._finish.settle(command)
            return True
        after = await self._before(command) if command.may_repeat else None
        if after is None:
            return False
        found = await look_at_run(self._bus, first_attempt(command), after)
        if not found.has_begun and found.before is None:
            return False
        await self._finish.settle(command)
        return True

    async def _before(self, command: RunTriggeredJob) -> int | None:
        """From where on the stream tells of a run if it does; None when it surely does not.

        A settled claim leaves a trace: what was first asked for a moment ago, and could be claimed, is new.
        """
        if command.looked_until:
            return command.looked_until
        age = datetime.now(UTC) - command.requested_at
        if -_SKEW < age < timedelta(seconds=TRACE_SECONDS) - _SKEW:
            return None
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, command.job_name, "*")
        since = instant_of(command.run_id) - _SKEW
        first = await first_since(self._bus, self._bus.subjects.events_stream, pattern, since)
        return None if first is None else first - 1

    async def decide(self, command: RunTriggeredJob, message: TakenMessage) -> OwnAttempt | None:
        """Decide about a command that is claimed; answers the attempt that is for us to begin.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        claimed_at = time.monotonic()
        run = await self._claims.read(command.job_name, command.run_id)
        if run is None:  # it is over: a trace of the claim is left
            await self._finish.settle(command, message)
            return None
        if run.claim.is_waiting:
            return await self._begin_waiting(run, command, message)
        if isinstance(message, FoundCommand):  # somebody has it; whoever is handed it sees to that
            return None
        attempt = run.claim.attempt_of(command)
        found = await look_at_run(self._bus, attempt, run.claim.after)
        if found.end is not None:
            await self._finish.conclude(attempt, found.end, message)
        elif found.before is not None:  # the next attempt follows, and whoever ended this one did not say so
            await self._finish.conclude(attempt, found.before)
            await message.give_back(_SOON)
        elif self._claims.is_own(run.claim):  # the answer to our claim was lost
            return OwnAttempt(attempt, run.claim.after, claimed_at)
        elif await self._is_lost(run, command):
            await self._burial.abort(run, command)
            await message.give_back(_SOON)  # for the next attempt, if there is one
        else:
            await message.give_back(HELD_DELAY)
        return None

    async def _begin_waiting(
        self, run: ClaimedRun, command: RunTriggeredJob, message: TakenMessage
    ) -> OwnAttempt | None:
        """Take the attempt that waits, if its time has come."""
        attempt = run.claim.attempt_of(command)
        if attempt.not_before is not None:
            early = (attempt.not_before - datetime.now(UTC)).total_seconds()
            if early > 0:
                await message.give_back(early)
                return None
        claimed_at, after = time.monotonic(), self._outbox.reached
        if await self._claims.take_waiting(run, command, after):
            return OwnAttempt(attempt, after, claimed_at)
        await message.give_back(HELD_DELAY)
        return None

    async def _is_lost(self, run: ClaimedRun, command: RunTriggeredJob) -> bool:
        """Whether whoever claimed it is gone; of our own earlier boots recovery may know how it ended."""
        if run.claim.instance == self._instance.id:
            return not self._unfinished.is_noted(command)
        return await self._peers.is_lost(run.claim.instance)
