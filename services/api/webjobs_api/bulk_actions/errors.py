"""What can be wrong with a request for an action on many jobs or runs."""

from webjobs_rules.errors import WebJobsError


class InvalidBulkAction(WebJobsError):
    """The body is no action on jobs or runs."""

    http_status = 400

    def __init__(self, reason: str, example: str) -> None:
        self.reason = reason
        super().__init__(f"The body cannot be used: {reason}. Send JSON such as {example}.")


class TooManyAtOnce(WebJobsError):
    """A request is about more jobs or runs than one may be."""

    http_status = 413

    def __init__(self, what: str, limit: int, how: str) -> None:
        self.what = what
        self.limit = limit
        super().__init__(
            f"The request {how} more than {limit:,} {what}, which is the limit. Nothing was done. "
            f"Name the {what} in several requests, or narrow the filter."
        )


class NotForContinuousJobs(WebJobsError):
    """An action on runs, of which a continuous job has none."""

    http_status = 409

    def __init__(self, job_name: str, action: str) -> None:
        self.job_name = job_name
        self.action = action
        super().__init__(
            f"The job {job_name!r} is continuous and has no runs: {action} is for triggered jobs. "
            "Use enable or disable."
        )


class NoRunToCancel(WebJobsError):
    """A job has no run that could be cancelled."""

    http_status = 409

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(f"The job {job_name!r} has no run that waits or runs.")
