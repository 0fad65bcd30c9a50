"""What can go wrong with what a runner is to do."""

from webjobs_events.commands import ReplyCode
from webjobs_rules.errors import WebJobsError


class NoSpaceLeft(WebJobsError):
    """No runner has room on its disk; nothing was done."""

    http_status = 507

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"There is no space left: {reason}. Free some disk space, or add some; nothing was changed."
        )


class CommandFailed(WebJobsError):
    """A runner could not do what was asked.

    Attributes:
        code: As the runner answered.
    """

    def __init__(self, code: ReplyCode, message: str) -> None:
        self.code = code
        super().__init__(message or f"The runner answered {code.value}.")


class CommandWithdrawn(WebJobsError):
    """No runner took the command in time, and it was taken back: nothing was changed."""

    http_status = 503

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(f"No runner took the {verb} of {job_name!r}; it was taken back. Try again later.")


class CommandUnanswered(WebJobsError):
    """A runner has the command, and did not say how it ended."""

    http_status = 503

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(
            f"The runner did not say how the {verb} of {job_name!r} ended. Look at the job, then try again."
        )


class NoRunnerAlive(WebJobsError):
    """No runner is alive."""

    http_status = 503

    def __init__(self) -> None:
        super().__init__("No runner is alive at the moment. Start one, or try again in a moment.")
