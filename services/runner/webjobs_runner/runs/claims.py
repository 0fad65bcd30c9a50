"""Claims in the bucket of leases: each command is claimed once; its claim goes from attempt to attempt."""

import contextlib
from dataclasses import dataclass

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import MALFORMED, InvalidToken, RevisionConflict
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects, name_of
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claim import UNKNOWN_INSTANCE, Claim, claim_on
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.runs.key_removals import KeyRemovals
from webjobs_runner.runs.run_journal import UnfinishedRun

TRACE_SECONDS = 15 * 60
"""How long a settled claim leaves a trace in the bucket, so that a late runner does not claim it again."""


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A claim with the run id of the command that it is on."""

    job_name: JobName
    run_id: RunId
    claim: Claim
    revision: int


@dataclass(frozen=True, slots=True)
class OwnAttempt:
    """An attempt that this runner owns and is to start.

    Attributes:
        attempt: To be started.
        after: Sequence that the stream of events had before it.
        claimed_at: Monotonic instant since which this runner owns it.
    """

    attempt: Attempt
    after: int
    claimed_at: float


_decoder = msgspec.json.Decoder(Claim)
_encoder = msgspec.json.Encoder()


class Claims:
    """Writes the claims of this runner, and reads those of all runners."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance
        self.removals = KeyRemovals(bus, TRACE_SECONDS)
        """Of dropped claims."""

    async def take(self, command: RunTriggeredJob, after: int) -> bool:
        """Claim a command; False when it is claimed, or was until a while ago.

        Raises:
            BusUnavailable: Unknown whether it is claimed, and by whom; ask again.
        """
        key = Subjects.claim_key(command.job_name, command.run_id)
        value = self._own(first_attempt(command), after)
        try:
            await self._bus.leases.create(key, _encoder.encode(value), once_only=True)
        except RevisionConflict:
            return False
        return True

    async def take_waiting(self, found: ClaimedRun, command: RunTriggeredJob, after: int) -> bool:
        """Claim the attempt that waits; False when another runner was faster.

        Raises:
            BusUnavailable: Unknown whether it is claimed, and by whom; ask again.
        """
        return await self._write(found, self._own(found.claim.attempt_of(command), after))

    async def let_wait(self, found: ClaimedRun, next_attempt: Attempt, after: int) -> bool:
        """Let the next attempt wait for the runner that takes the command in its time; False when it does.

        Raises:
            BusUnavailable: Unknown whether it is written; ask again.
        """
        return await self._write(found, claim_on(next_attempt, "", "", after))

    def is_own(self, claim: Claim) -> bool:
        """Whether this runner made it since its start."""
        return (claim.instance, claim.boot) == (self._instance.id, self._instance.boot)

    async def read(self, job_name: JobName, run_id: RunId) -> ClaimedRun | None:
        """Returns the claim on a command; None when there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = Subjects.claim_key(job_name, run_id)
        entry = await self._bus.leases.get(key)
        if entry is None:
            return None
        try:
            claim = _decoder.decode(entry.value)
        except MALFORMED:
            logger.error("unreadable claim taken for that of a lost runner", key=key)
            claim = Claim(instance=UNKNOWN_INSTANCE, boot="")
        return ClaimedRun(job_name, run_id, claim, entry.revision)

    async def of_instance(self, instance_id: str) -> list[ClaimedRun]:
        """Returns all claims of a runner.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return [run for run in await self._matching("claim.>") if run.claim.instance == instance_id]

    async def of_attempt(self, job_name: JobName, run_id: RunId) -> ClaimedRun | None:
        """Returns the claim on this run, or on the attempt that follows it and waits; None: there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        found = await self._matching(Subjects.claim_key(job_name, "*"))
        return next(
            (
                run
                for run in found
                if run_id in (run.claim.run_id or run.run_id, run.claim.is_waiting and run.claim.retry_of)
            ),
            None,
        )

    async def write_again(self, run: UnfinishedRun, reached: int) -> None:
        """Write a claim of ours that is lost with its bucket; harmless when there is one, or was.

        Args:
            run: That this runner has begun.
            reached: Sequence of the stream of events, which may be another one than before.

        Raises:
            BusUnavailable: Unknown whether it is written; ask again.
        """
        value = self._own(run.begun, min(run.after, reached))
        key = Subjects.claim_key(run.command.job_name, run.command.run_id)
        with contextlib.suppress(RevisionConflict):
            await self._bus.leases.create(key, _encoder.encode(value), once_only=True)

    async def drop(self, job_name: JobName, run_id: RunId) -> None:
        """Remove a claim whose command has left the queue; returns before NATS has acknowledged that."""
        await self.removals.remove(Subjects.claim_key(job_name, run_id))

    async def _write(self, found: ClaimedRun, claim: Claim) -> bool:
        key = Subjects.claim_key(found.job_name, found.run_id)
        try:
            await self._bus.leases.update(key, _encoder.encode(claim), found.revision)
        except RevisionConflict:
            return False
        return True

    async def _matching(self, keys: str) -> list[ClaimedRun]:
        found = []
        async with self._bus.leases.mirror(keys=keys) as mirror:
            for key, entry in mirror.entries.items():
                try:
                    _, token, run_id = key.split(".")
                    claim = _decoder.decode(entry.value)
                    found.append(ClaimedRun(name_of(token), RunId(run_id), claim, entry.revision))
                except (ValueError, InvalidToken, *MALFORMED):
                    logger.error("unreadable claim left alone", key=key)
        return found

    def _own(self, attempt: Attempt, after: int) -> Claim:
        return claim_on(attempt, self._instance.id, self._instance.boot, after)
