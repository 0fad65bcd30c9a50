"""What can be wrong with the body of an upload."""

from collections.abc import Sequence

from webjobs_rules.errors import WebJobsError

_MOST_NAMED = 5


class EmptyUpload(WebJobsError):
    """A deployment without a byte."""

    http_status = 400

    def __init__(self) -> None:
        super().__init__(
            "The body is empty, and nothing was changed. Send the script or the zip archive as the body, "
            "for example with curl --upload-file."
        )


class BrokenForm(WebJobsError):
    """A body of multipart/form-data that is not whole."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The form in the body cannot be read: {reason}. Send it again, or the file itself.")


class NotOneFile(WebJobsError):
    """A form that holds no file, or several."""

    http_status = 400

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        shown = ", ".join(name[:80] for name in names[:_MOST_NAMED])
        found = f"{len(names)} files ({shown})" if names else "no file"
        super().__init__(
            f"The form in the body holds {found}; send exactly one. Several files of a job are sent as "
            "one zip archive."
        )
