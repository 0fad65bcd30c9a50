"""Who has a run: each run id is claimed once, ever, by the runner that begins it."""

from dataclasses import dataclass

import msgspec
from webjobs_events.errors import BusUnavailable, InvalidToken, RevisionConflict
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName
from webjobs_events.subjects import Subjects, name_of

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger

_TRACE_SECONDS = 15 * 60  # how long a settled claim leaves a trace in the bucket


class Claim(msgspec.Struct, frozen=True):
    """The value of a claim: whose the run is, and since which boot of that runner."""

    instance: str
    boot: str


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A claim and the run it is on."""

    job_name: JobName
    run_id: str
    claim: Claim


_decoder = msgspec.json.Decoder(Claim)


class Claims:
    """Claims of this runner, and a look at those of the others."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._own = Claim(instance.id, instance.boot)

    async def take(self, job_name: str, run_id: str) -> bool:
        """Claim a run; answers False when there is a claim on it already.

        Raises:
            BusUnavailable: Unknown whether it is claimed, and by whom; ask again.
        """
        key = Subjects.claim_key(job_name, run_id)
        try:
            await self._bus.leases.create(key, msgspec.json.encode(self._own))
        except RevisionConflict:
            return False
        return True

    def is_own(self, claim: Claim) -> bool:
        """Whether it was made by this runner since its start."""
        return claim == self._own

    async def read(self, job_name: str, run_id: str) -> Claim | None:
        """The claim on a run; None when there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        entry = await self._bus.leases.get(Subjects.claim_key(job_name, run_id))
        return _decoder.decode(entry.value) if entry else None

    async def of_instance(self, instance_id: str) -> list[ClaimedRun]:
        """All claims of a runner.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        found = []
        async with self._bus.leases.mirror(keys="claim.>") as mirror:
            for key, entry in mirror.entries.items():
                try:
                    _, token, run_id = key.split(".")
                    run = ClaimedRun(name_of(token), run_id, _decoder.decode(entry.value))
                except (ValueError, InvalidToken, msgspec.MsgspecError):
                    logger.error("unreadable claim left alone", key=key)
                    continue
                if run.claim.instance == instance_id:
                    found.append(run)
        return found

    async def drop(self, job_name: str, run_id: str) -> None:
        """Remove a claim whose command has left the queue; a failure leaves a harmless key behind."""
        try:
            await self._bus.leases.let_go(Subjects.claim_key(job_name, run_id), marker_ttl=_TRACE_SECONDS)
        except BusUnavailable as error:
            logger.debug("claim left behind", job=job_name, run_id=run_id, error=str(error))
