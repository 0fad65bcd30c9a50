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


class FileNameMissing(WebJobsError):
    """A script was uploaded without a name."""

    http_status = 400

    def __init__(self) -> None:
        super().__init__(
            "The upload has no file name. Send Content-Disposition: attachment; filename=run.sh, "
            "or Content-Type: application/zip with a zip file."
        )


class InvalidFileName(WebJobsError):
    """A script's name that no folder should carry."""

    http_status = 400

    def __init__(self, file_name: str, reason: str) -> None:
        self.file_name = file_name
        self.reason = reason
        super().__init__(f"{file_name[:150]!r} is not a file name: {reason}.")


class EncodedUpload(WebJobsError):
    """A file came compressed by HTTP, where it is unknown whether all of it arrived."""

    http_status = 415

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        super().__init__(f"Send the file as it is, without Content-Encoding: {encoding[:40]}.")


class UnsupportedUpload(WebJobsError):
    """An HTML form was sent in place of a file."""

    http_status = 400

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(
            f"A body of {content_type[:80]} cannot be deployed. Send the file itself as the body, "
            "for example with curl --upload-file."
        )


class UploadTooLarge(WebJobsError):
    """The body is larger than this service takes.

    Args:
        limit_bytes: Most that is taken.
        variable: The setting of the limit, if there is one.
        advice: What to do, if it is more than to send less.
    """

    http_status = 413

    def __init__(self, limit_bytes: int, variable: str = "", advice: str = "") -> None:
        self.limit_bytes = limit_bytes
        raised = f" It is raised with {variable}." if variable else ""
        more = f" {advice}" if advice else ""
        super().__init__(f"The body is larger than the limit of {limit_bytes:,} bytes.{raised}{more}")
