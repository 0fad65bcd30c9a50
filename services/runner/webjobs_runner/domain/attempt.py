"""One attempt of a run, with a run id and events of its own."""

from datetime import datetime

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import Cause, cause_in
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt and the command that requests it; all attempts of a run have the same command.

    Attributes:
        command: As it is in the queue.
        run_id: Of this attempt; the first one's is the command's.
        number: From 1.
        retry_of: The attempt before, by its run id; None for the first.
        not_before: When it may be begun; None: at once.
    """

    command: RunTriggeredJob
    run_id: RunId
    number: int = 1
    retry_of: RunId | None = None
    not_before: datetime | None = None

    @property
    def job_name(self) -> JobName:
        """The name of the job."""
        return self.command.job_name

    @property
    def cause(self) -> Cause:
        """Events of a run are caused by its command, and belong to the command's trace."""
        return cause_in(self.command.trace, self.command.command_id)

    def after(self, run_id: RunId, not_before: datetime | None) -> "Attempt":
        """Returns the attempt that follows this one."""
        return Attempt(
            command=self.command,
            run_id=run_id,
            number=self.number + 1,
            retry_of=self.run_id,
            not_before=not_before,
        )


def first_attempt(command: RunTriggeredJob) -> Attempt:
    """Returns the attempt that a command requests by itself."""
    return Attempt(command=command, run_id=command.run_id, number=command.attempt)
