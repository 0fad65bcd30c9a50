"""What can go wrong between a request and the server of a job."""

from webjobs_rules.errors import WebJobsError


class JobNotServing(WebJobsError):
    """A request cannot be led on to a job's own server."""

    http_status = 503

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class JobAnswerBroken(WebJobsError):
    """A job's own server took the request, and gave no answer that HTTP allows."""

    http_status = 502

    def __init__(self, job_name: str, reason: str) -> None:
        self.job_name = job_name
        self.reason = reason
        super().__init__(f"The job {job_name!r} gave no valid answer: {reason or 'the connection ended'}.")
