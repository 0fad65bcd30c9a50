"""What a client has seen of a run: the part of its handle that does no requests; pure."""

from typing import Any

from webjobs_client.models import ENDED, RunDetails, RunKey


class RunState:
    """A run as it was when it was last looked at."""

    def __init__(self, key: RunKey, details: RunDetails | None = None) -> None:
        self.job = key.job
        """Name of its job."""
        self.id = key.id
        """Its run id."""
        self.joined = key.joined
        """Whether it was there already (`if_running="join"`)."""
        self.details = details
        """All there is to know; None before the first look."""

    @property
    def status(self) -> str:
        """`Initializing`, `Running`, `Success`, `Failed` or `Aborted`."""
        return self.details.status if self.details else "Initializing"

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDED

    @property
    def exit_code(self) -> int | None:
        """Of its script; None before it has ended, or without one."""
        return self.details.exit_code if self.details else None

    @property
    def reason(self) -> str | None:
        """Why it ended, such as `exit_code`, `timeout` or `cancelled`; None before."""
        return self.details.reason if self.details else None

    @property
    def result(self) -> Any:
        """What its script reports in `WEBJOBS_RESULT_FILE`; None without it, or above 4 kB."""
        return self.details.result if self.details else None

    @property
    def progress(self) -> tuple[float, str] | None:
        """The share from 0 to 1, and what the script does; None when it reports nothing."""
        details = self.details
        return (
            None if details is None or details.progress is None else (details.progress, details.progress_text)
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job}/{self.id} {self.status}>"
