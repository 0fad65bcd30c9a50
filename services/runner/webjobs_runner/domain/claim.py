"""Who owns a run command: the value of its claim."""

from datetime import datetime

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.run_id import RunId

from webjobs_runner.domain.attempt import Attempt, first_attempt

UNKNOWN_INSTANCE = "unknown"
"""Owner of an unreadable claim: no runner has this instance id, so the run is orphaned."""


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The value of a claim, as it is stored in the bucket of leases.

    Attributes:
        instance: The runner that owns the attempt; empty while the attempt waits for its time.
        boot: Identifies the start of that runner.
        slot: Of the command: the last token of its subject in the queue.
        after: Sequence that the stream of events had before this attempt; its events are behind it.
        run_id: Of the attempt; None for the first one, which has the run id of the command.
        attempt: Number of the attempt, from 1.
        retry_of: Run id of the attempt before; None for the first one.
        not_before: When the attempt may start; None: at once.
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
        """Whether no runner owns it: its next attempt waits for its time."""
        return not self.instance

    def attempt_of(self, command: RunTriggeredJob) -> Attempt:
        """Returns the attempt that is claimed."""
        if self.run_id is None:
            return first_attempt(command)
        return Attempt(
            command=command,
            run_id=self.run_id,
            number=self.attempt,
            retry_of=self.retry_of,
            not_before=self.not_before,
        )


def claim_on(attempt: Attempt, instance_id: str, boot: str, after: int) -> Claim:
    """Returns the claim of a runner on an attempt; empty ids: the attempt waits for its time."""
    command = attempt.command
    return Claim(
        instance=instance_id,
        boot=boot,
        slot=command.slot,
        after=after,
        run_id=None if attempt.run_id == command.run_id else attempt.run_id,
        attempt=attempt.number,
        retry_of=attempt.retry_of,
        not_before=attempt.not_before,
    )
