"""Who has a run: each command is claimed once, ever, and its claim goes from attempt to attempt."""

import contextlib
from dataclasses import dataclass
from datetime import datetime

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import MALFORMED, BusUnavailable, InvalidToken, RevisionConflict
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName
from webjobs_events.run_id import RunId
from webjobs_events.subjects import Subjects, name_of

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.runs.run_journal import UnfinishedRun

TRACE_SECONDS = 15 * 60
"""How long a settled claim leaves a trace in the bucket: who comes late does not take it for free."""


UNKNOWN_INSTANCE = "unknown"
"""Whose an unreadable claim is: no runner has this instance id, so the run is orphaned."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The value of a claim.

    Attributes:
        instance: Whose the run is; empty while its next attempt waits for its time.
        boot: Since which start of that runner.
        slot: Of the command, which says where in the queue it is.
        after: The stream of events had got here before this attempt: all that it tells comes later.
        run_id: Of the attempt; None for the first, which has the run id of the command.
        attempt: Number of the attempt.
        retry_of: The attempt before.
        not_before: When the attempt may begin.
    """

    instance: str
    boot: str
    slot: str = ""
    after: int = 0
    run_id: RunId | None = None
    attempt: int = 1
    retry_of: RunId | None = None
    not_before: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has it: its next attempt is to be begun in its time."""
        return not self.instance

    def attempt_of(self, command: RunTriggeredJob) -> Attempt:
        """The attempt that is claimed."""
        if self.run_id is None:
            return first_attempt(command)
        return Attempt(
            command=command,
            run_id=self.run_id,
            number=self.attempt,
            retry_of=self.retry_of,
            not_before=self.not_before,
        )


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A claim and the command it is on, by the run id of that."""

    job_name: JobName
    run_id: RunId
    claim: Claim
    revision: int


_decoder = msgspec.json.Decoder(Claim)
_encoder = msgspec.json.Encoder()


class Claims:
    """Claims of this runner, and a look at those of the others."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance

    async def take(self, command: RunTriggeredJob, after: int) -> bool:
        """Claim a command; answers False when it is claimed, or was until a while ago.

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
        """Claim the attempt that waits; answers False when somebody else was faster.

        Raises:
            BusUnavailable: Unknown whether it is claimed, and by whom; ask again.
        """
        return await self._write(found, self._own(found.claim.attempt_of(command), after))

    async def let_wait(self, found: ClaimedRun, next_attempt: Attempt, after: int) -> bool:
        """Leave the next attempt to whoever takes the command in its time; False when that is done already.

        Raises:
            BusUnavailable: Unknown whether it is written; ask again.
        """
        return await self._write(found, _claim("", "", next_attempt, after))

    def is_own(self, claim: Claim) -> bool:
        """Whether it was made by this runner since its start."""
        return (claim.instance, claim.boot) == (self._instance.id, self._instance.boot)

    async def read(self, job_name: JobName, run_id: RunId) -> ClaimedRun | None:
        """The claim on a command; None when there is none.

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
        """All claims of a runner.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return [run for run in await self._matching("claim.>") if run.claim.instance == instance_id]

    async def of_attempt(self, job_name: JobName, run_id: RunId) -> ClaimedRun | None:
        """The claim on this run, or on the attempt that follows it and waits; None when there is none.

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
            run: That this runner has.
            reached: Sequence of the stream of events, which may be another one than before.

        Raises:
            BusUnavailable: Unknown whether it is written; ask again.
        """
        value = self._own(run.begun, min(run.after, reached))
        key = Subjects.claim_key(run.command.job_name, run.command.run_id)
        with contextlib.suppress(RevisionConflict):
            await self._bus.leases.create(key, _encoder.encode(value), once_only=True)

    async def drop(self, job_name: JobName, run_id: RunId) -> None:
        """Remove a claim whose command has left the queue; a failure leaves a harmless key behind."""
        try:
            await self._bus.leases.let_go(Subjects.claim_key(job_name, run_id), marker_ttl=TRACE_SECONDS)
        except BusUnavailable as error:
            logger.debug("claim left behind", job=job_name, run_id=run_id, error=str(error))

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
        return _claim(self._instance.id, self._instance.boot, attempt, after)


def _claim(instance_id: str, boot: str, attempt: Attempt, after: int) -> Claim:
    command = attempt.command
    is_first = attempt.run_id == command.run_id
    return Claim(
        instance=instance_id,
        boot=boot,
        slot=command.slot,
        after=after,
        run_id=None if is_first else attempt.run_id,
        attempt=attempt.number,
        retry_of=attempt.retry_of,
        not_before=attempt.not_before,
    )
