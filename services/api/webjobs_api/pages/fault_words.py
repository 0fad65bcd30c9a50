"""What pages say about an error beside its own sentence: a title, and what to do; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from webjobs_api.wording.sentence import Sentence


@dataclass(frozen=True, slots=True)
class FaultWords:
    """A title, and what to do."""

    title: str
    advice: str


_WORDS: Mapping[int, FaultWords] = {
    400: FaultWords("The request is not valid", "Correct the address or the form, and send it again."),
    401: FaultWords("Not signed in", "Sign in with a name and a password of this webjobs."),
    403: FaultWords("Not allowed", "Sign in as a user who may do this."),
    404: FaultWords("Not found", "Check the address, or look for the job in the list of all jobs."),
    405: FaultWords(
        "Not possible this way", "Go back to the page with the form or button, and use it there."
    ),
    409: FaultWords("Not possible now", "Look at the state of the job, and try again later."),
    410: FaultWords("No longer here", "Its log and its row are gone; its events remain in the stream."),
    412: FaultWords("Changed in the meantime", "Load the page again, and repeat the change."),
    413: FaultWords(
        "Too large", "Send less. If a setting is named here, an operator can raise the limit with it."
    ),
    414: FaultWords("The address is too long", "Shorten what is searched or filtered for."),
    415: FaultWords(
        "Not of a kind that is taken here", "Go back, and send the kind of file that is asked for."
    ),
    429: FaultWords("Too many tries", "Wait some seconds, then try again."),
    502: FaultWords("The job did not answer", "Look at the log of the job, and restart it if it hangs."),
    503: FaultWords("A part of webjobs is away", "Try again in a moment; the page System shows each part."),
    507: FaultWords("No space left", "Free disk space; the page System shows the disks of the runners."),
}
_OTHER = FaultWords("Not possible", "Go back, and try it another way.")
_FAILED = FaultWords("The api failed", "Try again. If it fails again, the log of the api says why.")


def fault_words(status: int) -> FaultWords:
    """The words for an HTTP status of an error."""
    return _WORDS.get(status, _FAILED if status >= 500 else _OTHER)


def away(part: str, at: datetime) -> Sentence:
    """Says that a list is not current.

    Args:
        part: What is away.
        at: When the list was current.
    """
    return Sentence(f"{part} is away. What is shown is from ", at, ", without later changes.")
