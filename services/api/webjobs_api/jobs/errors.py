"""What can be wrong with requests about the files of a job."""

from webjobs_rules.errors import WebJobsError


class InvalidNames(WebJobsError):
    """The body is no list of names of files."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'The body cannot be used: {reason}. Send JSON such as {{"names": ["run.py"]}}.')
