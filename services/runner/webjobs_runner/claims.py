"""Who runs a run: each run id is claimed once, and ended once, by compare-and-set."""

import msgspec
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects

from webjobs_runner.heartbeat import Peers
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger

_TRACE_SECONDS = 15 * 60  # how long a settled claim leaves a trace in the bucket


class Claim(msgspec.Struct, frozen=True):
    """The value of a claim: whose the run is, since which boot, and whether someone has ended it."""

    instance: str
    boot: str
    ended: bool = False


_decoder = msgspec.json.Decoder(Claim)


class Claims:
    """Claims of this runner."""

    def __init__(self, bus: Bus, instance: Instance, peers: Peers) -> None:
        self._bus = bus
        self._instance = instance
        self._peers = peers

    async def take(self, job_name: str, run_id: str) -> int | None:
        """Claim a run; answers the claim's revision, or None when somebody has it already.

        Raises:
            BusUnavailable: Unknown whether it is ours; ask again.
        """
        value = msgspec.json.encode(Claim(self._instance.id, self._instance.boot))
        try:
            return await self._bus.leases.create(Subjects.claim_key(job_name, run_id), value)
        except RevisionConflict:
            return None

    async def read(self, job_name: str, run_id: str) -> tuple[Claim, int] | None:
        """The claim on a run with its revision; None when there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        entry = await self._bus.leases.get(Subjects.claim_key(job_name, run_id))
        return (_decoder.decode(entry.value), entry.revision) if entry else None

    async def may_end(self, job_name: str, run_id: str, revision: int, claimed_at: float) -> bool:
        """Whether the terminal event of a run we claimed is ours to write.

        While our lease held without a gap nobody can have ended the run in our place; else the claim
        itself is asked, by marking it as ended.

        Args:
            job_name: Of the run.
            run_id: Of the run.
            revision: Of our claim.
            claimed_at: Monotonic instant before the claim was made.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return self._peers.held_since(claimed_at) or await self.end(job_name, run_id, revision)

    async def end(self, job_name: str, run_id: str, revision: int) -> bool:
        """Mark a run as ended by us, if its claim still has this revision.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        value = msgspec.json.encode(Claim(self._instance.id, self._instance.boot, ended=True))
        try:
            await self._bus.leases.update(Subjects.claim_key(job_name, run_id), value, revision)
        except RevisionConflict:
            return False
        return True

    async def drop(self, job_name: str, run_id: str) -> None:
        """Remove a claim whose command has left the queue; a failure leaves a harmless key behind."""
        try:
            await self._bus.leases.delete(Subjects.claim_key(job_name, run_id), marker_ttl=_TRACE_SECONDS)
        except BusUnavailable as error:
            logger.debug("claim left behind", job=job_name, run_id=run_id, error=str(error))
