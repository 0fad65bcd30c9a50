"""What can go wrong with requests about runs."""

from webjobs_events.queries import RunView
from webjobs_rules.errors import WebJobsError


class RunNotFound(WebJobsError):
    """The job has no run of this id, or no longer."""

    http_status = 404

    def __init__(self, job_name: str, run_id: str) -> None:
        self.job_name = job_name
        self.run_id = run_id
        super().__init__(f"The job {job_name!r} has no run {run_id[:60]!r}.")


class RunAlreadyInProgress(WebJobsError):
    """A triggered job runs as often at a time as its settings allow: once, unless they say otherwise."""

    http_status = 409

    def __init__(self, job_name: str, at_once: int = 1) -> None:
        self.job_name = job_name
        self.at_once = at_once
        times, until = ("", "its run has") if at_once == 1 else (f" {at_once} times", "one of its runs has")
        super().__init__(f"The job {job_name!r} is already running{times}. Wait until {until} ended.")


class RunHasEnded(WebJobsError):
    """A run cannot be cancelled any more."""

    http_status = 409

    def __init__(self, run: RunView) -> None:
        self.run = run
        how = f" {run.evidence}" if run.evidence else f" ({run.reason})" if run.reason else ""
        follows = f" Its next attempt is the run {run.next_run_id}." if run.next_run_id else ""
        super().__init__(
            f"The run {run.run_id} of {run.job_name!r} has ended already as {run.status}.{how}{follows}"
        )


class InvalidIdempotencyKey(WebJobsError):
    """An `Idempotency-Key` that cannot be remembered."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The Idempotency-Key cannot be used: {reason}. "
            "Send 1 to 255 printable characters, such as a UUID."
        )


class IdempotencyKeyReused(WebJobsError):
    """An `Idempotency-Key` that stands for another request."""

    http_status = 422

    def __init__(self, job_name: str, key: str, run_id: str) -> None:
        self.job_name = job_name
        self.key = key
        self.run_id = run_id
        super().__init__(
            f"The Idempotency-Key {key!r} stands for the run {run_id} of {job_name!r}, which was asked for "
            "with other arguments. Use a new key for a new request."
        )


class UnsupportedArgumentsBody(WebJobsError):
    """A body of a run request from which no arguments can be read."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f'The body cannot be used: {reason}. Send no body, or {{"arguments": "--name Ann"}} as '
            "application/json, or the field arguments as application/x-www-form-urlencoded."
        )


class InvalidRunFilter(WebJobsError):
    """A parameter that asks for what no run can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no runs: {reason}.")
