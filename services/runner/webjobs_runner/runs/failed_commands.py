"""Run commands that this runner fails to handle: tried a few times, then ended with the reason.

Only failures of the runner itself count: exceptions, and an event loop that was blocked so long that NATS
seemed away. Without a bound one such command would be delivered for ever, and its run would never end.
"""

from dataclasses import dataclass

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.jetstream import TakenMessage
from webjobs_rules.errors import WebJobsError
from webjobs_service.loop_watchdog import LoopWatchdog

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claimed_run import Abort
from webjobs_runner.domain.redelivery import is_enough, redelivery_delay
from webjobs_runner.domain.run_outcome import given_back_too_often, runner_failed
from webjobs_runner.log import logger
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.orphaned_runs import OrphanedRuns

_REMEMBERED = 1000  # commands


class LoopBlocked(WebJobsError):
    """NATS seemed away because this runner did not read its answers."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"The event loop of the runner was blocked for {seconds:.3g} s.")


@dataclass(slots=True)
class _Failures:
    count: int = 0
    error: str = ""
    has_begun: bool = False


class FailedCommands:
    """Counts failures by command, and ends the runs of commands that failed too often."""

    def __init__(
        self, dependencies: RunDependencies, orphaned_runs: OrphanedRuns, loop: LoopWatchdog
    ) -> None:
        self._outbox = dependencies.outbox
        self._claims = dependencies.claims
        self._journal = dependencies.journal
        self._orphaned_runs = orphaned_runs
        self._loop = loop
        self._failures: dict[str, _Failures] = {}

    @property
    def blocked_seconds(self) -> float:
        """How long the event loop has been blocked so far: to be compared before and after."""
        return self._loop.blocked_seconds

    async def failed(
        self, command: RunTriggeredJob, message: TakenMessage, error: Exception, *, has_begun: bool
    ) -> None:
        """Record a failure, and give the command back.

        Args:
            command: That was not handled.
            message: It was delivered with.
            error: What the runner raised.
            has_begun: Whether its attempt may have been started: it is not started again, only ended.
        """
        known = self._failures.setdefault(command.command_id, _Failures())
        if len(self._failures) > _REMEMBERED:  # other runners handled them
            del self._failures[next(iter(self._failures))]
        known.count += 1
        known.error = str(error) or type(error).__name__
        known.has_begun = known.has_begun or has_begun
        delay = redelivery_delay(known.count)
        logger.error(
            "run command not handled",
            run_id=command.run_id,
            failures=known.count,
            error=known.error,
            again_in=delay,
            exc_info=error if known.count == 1 else None,  # the stack once, for it is long
        )
        await message.give_back(delay)

    def is_given_up(self, command: RunTriggeredJob) -> bool:
        """Whether the run of a command is to be ended instead of started."""
        known = self._failures.get(command.command_id)
        return known is not None and (known.has_begun or is_enough(known.count))

    def succeeded(self, command: RunTriggeredJob) -> None:
        """Forget the failures of a command that is handled now."""
        self._failures.pop(command.command_id, None)

    async def end(self, command: RunTriggeredJob, message: TakenMessage) -> None:
        """End the run of a command that is given up, unless another runner owns it.

        Raises:
            BusUnavailable: NATS does not answer; to be done again.
        """
        known = self._failures[command.command_id]
        if known.has_begun:
            outcome = runner_failed(known.error, has_started=True)
        else:
            outcome = given_back_too_often(known.count, known.error)
        own = await self._own_attempt(command)
        if own is None:
            await message.give_back(redelivery_delay(known.count))  # the claim says what becomes of it
        else:
            attempt, after = own
            await self._orphaned_runs.end(Abort(attempt, outcome), after)
        self.succeeded(command)
        self._journal.forget(command)

    async def _own_attempt(self, command: RunTriggeredJob) -> tuple[Attempt, int] | None:
        """Claim the attempt that is next; None when another runner owns it, or the run is over.

        Returns:
            The attempt, and the sequence that the stream of events had before it.
        """
        after = self._outbox.reached
        if await self._claims.take(command, after):
            return first_attempt(command), after
        found = await self._claims.read(command.job_name, command.run_id)
        if found is None:
            return None
        attempt = found.claim.attempt_of(command)
        if self._claims.is_own(found.claim):
            return attempt, found.claim.after
        if found.claim.is_waiting and await self._claims.take_waiting(found, command, after):
            return attempt, after
        return None
