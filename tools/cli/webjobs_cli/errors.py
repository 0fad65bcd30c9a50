"""What a command reports when it fails: a code for programs, a message, and what to do."""

import sys

TIMED_OUT = 124
"""Exit code when a run, or waiting for it, took too long."""
FAILED = 125
"""Exit code of commands that pass on that of a script, when webjobs failed or contact was lost."""


class CommandError(Exception):
    """A failure that ends the command with one line on the standard error.

    Args:
        code: A stable word for programs, such as `no_such_job`.
        message: What is wrong, with the value.
        remedy: What to do about it; empty when the message says it.
        exit_code: Of the process.
    """

    def __init__(self, code: str, message: str, remedy: str = "", exit_code: int = 1) -> None:
        self.code = code
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code
        super().__init__(f"{message} {remedy}".rstrip())


def failure_of(error: Exception) -> CommandError | None:
    """The failure that an error of the client stands for; None for any other error."""
    client = sys.modules.get("webjobs_client")
    if client is None or not isinstance(error, client.ClientError):
        return None
    return CommandError(error.code, error.message, error.remedy)
