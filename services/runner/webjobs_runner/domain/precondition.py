"""Whether a file is as the writer expects it."""

from webjobs_events.files import Condition
from webjobs_rules.errors import WebJobsError

_ANY = "*"


class PreconditionFailed(WebJobsError):
    """The file is another one than its writer knows, or he did not say which he knows.

    Attributes:
        etag: Of the file as it is; empty when there is none.
    """

    def __init__(self, reason: str, etag: str) -> None:
        self.reason = reason
        self.etag = etag
        super().__init__(reason)


def check(condition: Condition, etag: str | None) -> None:
    """Go on when a change of a file may be made.

    A file that exists is only changed by who names its ETag, or says that any will do; Kudu takes
    `*` for a new file, too.

    Args:
        condition: What the writer requires.
        etag: Of the file; None when there is none.

    Raises:
        PreconditionFailed: It may not.
    """
    if etag is None:
        if condition.match is not None and _ANY not in condition.match:
            raise PreconditionFailed(
                "The file that If-Match names is not there any more; leave If-Match out to create it.", ""
            )
        return
    if condition.none_match is not None and (_ANY in condition.none_match or etag in condition.none_match):
        raise PreconditionFailed("The file exists already, and If-None-Match refuses that.", etag)
    if condition.match is None:
        if condition.none_match is None:
            raise PreconditionFailed(
                "The file exists. Send its ETag in If-Match to change it, or If-Match: * to change it "
                "whatever it holds.",
                etag,
            )
    elif _ANY not in condition.match and etag not in condition.match:
        raise PreconditionFailed(
            "The file was changed meanwhile: its ETag is not the one in If-Match. Read it again.", etag
        )
