"""What can go wrong with files of the site folder."""

from webjobs_events.files import Fault
from webjobs_rules.errors import WebJobsError


class PartOfFile(WebJobsError):
    """An upload that is only a part of a file."""

    http_status = 400

    def __init__(self, content_range: str) -> None:
        self.content_range = content_range
        super().__init__(
            f"A part of a file (Content-Range: {content_range[:80]}) cannot be put; send all of it."
        )


class FolderNotEmpty(WebJobsError):
    """A job's folder is only removed with everything in it."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__("The folder is not empty. Add ?recursive=true to delete the job.")


class InvalidPath(WebJobsError):
    """An address whose path is no text."""

    http_status = 400

    def __init__(self, raw_path: str) -> None:
        self.raw_path = raw_path
        super().__init__(f"The path {raw_path[:150]!r} is not percent-encoded UTF-8.")


class InvalidInstance(WebJobsError):
    """An instance id that no runner can have."""

    http_status = 400

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(f"{instance_id[:60]!r} is not an instance id; it has 6 hex digits, such as 327e1e.")


class InstanceNotAlive(WebJobsError):
    """The runner whose files are asked for is not there."""

    http_status = 404

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(
            f"No runner with the instance id {instance_id} is alive. Leave ?instance out to take another."
        )


class FilesRefused(WebJobsError):
    """A runner did not do with a file what was asked.

    Attributes:
        fault: Why.
        etag: Of the file as it is, when it is not as the client took it to be.
    """

    def __init__(self, fault: Fault, message: str, etag: str = "") -> None:
        self.fault = fault
        self.etag = etag
        super().__init__(message)


class RangeNotSatisfiable(WebJobsError):
    """The part of a file that was asked for lies behind its end."""

    http_status = 416

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"The file has only {size:,} bytes; ask for a range within them.")
