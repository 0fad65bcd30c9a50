"""What pages say that no other answer does."""

from collections.abc import Mapping

from webjobs_rules.amounts import counted
from webjobs_rules.errors import WebJobsError


class HttpFault(WebJobsError):
    """An error that has a status and a sentence, but no class of its own."""

    http_status = 500  # unless it is made with another one

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str]) -> None:
        self.http_status = status
        self.http_headers = headers
        super().__init__(sentence)


class RunRemoved(WebJobsError):
    """A run is no longer in the history, and its events are still in the stream."""

    http_status = 410

    def __init__(self, job_name: str, run_id: str) -> None:
        self.job_name = job_name
        self.run_id = run_id
        super().__init__(
            f"The run {run_id} of {job_name!r} is no longer in the history. Its events are shown."
        )


class UnknownNextStep(WebJobsError):
    """A form asks for something after its change that no form offers."""

    http_status = 400

    def __init__(self, then: str) -> None:
        self.then = then
        super().__init__(f'"then" is {then[:100]!r}; it can only be run.')


class DeployedOnly(WebJobsError):
    """The files of a job are deployed, and what was to follow failed.

    Args:
        reason: Why, as a sentence.
        http_status: Of that.
    """

    http_status = 500  # unless it is made with another one

    def __init__(self, reason: str, http_status: int) -> None:
        self.http_status = http_status
        super().__init__(f"The files are deployed, but not all of the rest was done. {reason}")


class FormUnderWay(WebJobsError):
    """The same form was sent before and is not carried out yet."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "The same form was sent a moment ago, and is being carried out. It is not carried out twice. "
            "Look at the job or the list in some seconds to see what became of it."
        )


class FormSentBefore(WebJobsError):
    """The same form was carried out before, and its answer is not kept."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "This form was sent and carried out before. It is not carried out twice. "
            "Look at the job or the list to see what became of it."
        )


class NothingChosen(WebJobsError):
    """An action on many jobs or runs is about none."""

    http_status = 400

    def __init__(self, what: str) -> None:
        super().__init__(
            f"No {what} is checked, or none matches any more. Nothing was done. "
            f"Check the {what}s, or all that match, and choose the action again."
        )


class NumberChanged(WebJobsError):
    """An action on all that match was confirmed for another number than match now."""

    http_status = 409

    def __init__(self, what: str, confirmed: int, now: int) -> None:
        self.confirmed = confirmed
        self.now = now
        super().__init__(
            f"{counted(confirmed, what)} matched when the question was asked, and {now:,} now. "
            "Nothing was done yet. Confirm the new number, or go back."
        )


class NotEditable(WebJobsError):
    """A file cannot be saved by the form of its page."""

    http_status = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class SavedOnly(WebJobsError):
    """A file is saved, and what was to follow failed.

    Args:
        reason: Why, as a sentence.
        http_status: Of that.
    """

    http_status = 500

    def __init__(self, reason: str, http_status: int) -> None:
        self.http_status = http_status
        super().__init__(f"The file is saved, but not all of the rest was done. {reason}")


class NameNotRepeated(WebJobsError):
    """A job is to be deleted by a form that does not repeat its name."""

    http_status = 400

    def __init__(self, job_name: str, typed: str) -> None:
        self.job_name = job_name
        self.typed = typed
        super().__init__(
            f"Nothing was deleted: to delete the job, type its name, {job_name!r}; {typed[:200]!r} was typed."
        )
