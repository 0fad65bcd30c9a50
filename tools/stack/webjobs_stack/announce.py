"""What the stack announces to its user; the command line decides how it looks."""

from pathlib import Path
from typing import Protocol


class Announcer(Protocol):
    """Called for everything worth a line on the terminal."""

    def starting(self, name: str, why: str) -> None:
        """A part is not ready yet; `why` says what takes long, and may be empty."""

    def ready(self, name: str, seconds: float, address: str) -> None:
        """A part can be used, `seconds` after it was started."""

    def unready(self, name: str, seconds: float, why: str) -> None:
        """A part runs, `seconds` after it was started, and waits for something else to be ready."""

    def uses(self, name: str, address: str) -> None:
        """An external server takes the place of the embedded one."""

    def died(self, name: str, how: str, restart_in_seconds: float) -> None:
        """A part ended without a request to stop; it is started again after a pause."""

    def stopped(self, name: str, seconds: float) -> None:
        """A part ended as it was asked to."""

    def output(self, name: str, line: str) -> None:
        """A service wrote a line."""

    def waiting_for_a_killed_stack(self, folder: Path) -> None:
        """Processes of an earlier stack, which was killed, still work in the folder; they are ending."""
