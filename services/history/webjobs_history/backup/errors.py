"""What can go wrong with a backup or a restore, each with what to do."""

from pathlib import Path

from webjobs_rules.errors import WebJobsError


class RestoreRefused(WebJobsError):
    """A restore was refused before it changed anything."""


class FileExists(WebJobsError):
    """The backup would replace a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} exists already; name another file, or replace it with --force.")


class FileBusy(WebJobsError):
    """Another backup writes the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"Another backup writes {path} at the moment; wait for its end, or name another file."
        )


class FileNotWritten(WebJobsError):
    """The file of the backup cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path} cannot be written ({reason}); nothing is left of it. Name a file in a folder that "
            "may be "
            "written, on a disk with room."
        )


class NotABackup(RestoreRefused):
    """The file is no backup, or lacks its end."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path} is no complete backup of webjobs: {reason}. Nothing was changed. Copy the file again "
            "from "
            "where it was made, or use another backup."
        )


class DamagedBackup(RestoreRefused):
    """The content of the file differs from what its manifest says."""

    def __init__(self, path: Path, member: str, reason: str) -> None:
        self.path = path
        self.member = member
        super().__init__(
            f"{path} was changed after it was made: {member} {reason}. Nothing was changed. Copy the file "
            "again "
            "from where it was made, or use another backup."
        )


class BackupTooNew(RestoreRefused):
    """A later release made the file."""

    def __init__(self, path: Path, made_by: str, release: str) -> None:
        self.path = path
        super().__init__(
            f"{path} was made by webjobs {made_by}, in a form that webjobs {release} does not know. "
            "Nothing was "
            f"changed. Restore it with webjobs {made_by} or later."
        )


class NotEmpty(RestoreRefused):
    """A restore would mix what is there with what is in the backup."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"A backup is restored into an empty stack only, and here is {what}. Nothing was changed. Name a "
            "data folder that is new, or empty NATS and Postgres first."
        )


class StillRunning(RestoreRefused):
    """A service works on what the restore would replace."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is running. Nothing was changed. Stop the api, the runners and history, and restore "
            "again."
        )


class AlwaysChanging(WebJobsError):
    """Definitions did not stay the same for the moment that a backup needs."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Jobs, settings or hooks changed all the time for {seconds:g} s, so no moment could be "
            "taken. Nothing "
            "was written. Take the backup while nothing is deployed."
        )


class NoRows(WebJobsError):
    """History does not give its rows."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"History does not give its rows: {reason.rstrip('.')}. Nothing was written. A backup needs a "
            "history "
            "that is ready: `webjobs status` shows it. Then take the backup again."
        )
