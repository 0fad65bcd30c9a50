"""What can be wrong with a request for the overview."""

from webjobs_rules.errors import WebJobsError


class InvalidJobFilter(WebJobsError):
    """A parameter that asks for what no job can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no jobs: {reason}.")
