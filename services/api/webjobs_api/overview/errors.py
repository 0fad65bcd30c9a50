"""What can be wrong with a request for the overview, or for acknowledgements."""

from collections.abc import Iterable

from webjobs_rules.errors import WebJobsError


class InvalidJobFilter(WebJobsError):
    """A parameter that asks for what no job can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no jobs: {reason}.")


class InvalidAcknowledgement(WebJobsError):
    """The body is no acknowledgement."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The acknowledgement cannot be used: {reason}. Send JSON such as "
            '{"type": "triggered", "job": "hello", "until": "change", "note": "The supplier is informed."}.'
        )


class NothingToAcknowledge(WebJobsError):
    """A job or a hook does not need attention."""

    http_status = 409

    def __init__(self, job_name: str, kinds: Iterable[str] = (), *, what: str = "job") -> None:
        self.job_name = job_name
        self.kinds = sorted(kinds)
        reasons = f" for {', '.join(self.kinds)}" if self.kinds else ""
        super().__init__(
            f"The {what} {job_name[:150]!r} needs no attention{reasons}: there is nothing to acknowledge."
        )


class AcknowledgementNotFound(WebJobsError):
    """No acknowledgement has this id, or it has ended."""

    http_status = 404

    def __init__(self, acknowledgement_id: str) -> None:
        self.acknowledgement_id = acknowledgement_id
        super().__init__(
            f"There is no acknowledgement {acknowledgement_id[:60]!r}, or it has ended. "
            "GET /api/acknowledgements lists those in force."
        )
