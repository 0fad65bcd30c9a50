"""What can go wrong with requests about logs."""

from webjobs_rules.errors import WebJobsError


class LogNotFound(WebJobsError):
    """There is no such log file, or nothing was written to it."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(f"There is no log file {file_name[:200]!r}.")


class LogIncomplete(WebJobsError):
    """A part of a log is missing: it is still on its way to the stream of logs, or it was removed."""

    http_status = 503

    def __init__(self, file_name: str, reached: int, size: int | None) -> None:
        self.file_name = file_name
        self.reached = reached
        self.size = size
        of = f" of {size:,}" if size is not None else ""
        super().__init__(
            f"The log {file_name[:200]!r} is not whole here: {reached:,}{of} bytes of it are stored. "
            "The rest is on its way, or was removed. Try again."
        )
