"""What a command reports when it fails: a code for programs, a message, and what to do."""

import errno
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webjobs_cli.target import Target

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


def failure_of_system(error: OSError) -> CommandError:
    """The failure for an error of the operating system that no command expected."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return CommandError("no_folder", "The folder that this runs in was removed.", "Go to another one.")
    about = f"{error.filename}: " if isinstance(error.filename, str) else ""
    if error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT) and not about:
        about = "The output cannot be written: "
    return CommandError("system_error", f"{about}{error.strerror or error}.")


def failure_of(error: Exception) -> CommandError | None:
    """The failure that an error of the client stands for, or text that is none; None for any other error."""
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return CommandError(
            "invalid_text",
            f"{error.object!r} is not text in the encoding of this shell.",
            "Set LC_ALL to a locale with UTF-8, such as C.UTF-8.",
            exit_code=2,
        )
    client = sys.modules.get("webjobs_client")
    if client is None or not isinstance(error, client.ClientError):
        return None
    connection = sys.modules.get("webjobs_cli.connection")
    target: Target | None = getattr(connection, "used", None)
    if target is not None and error.code == "unauthorized":
        return _unauthorized(target)
    remedy = error.remedy
    if target is not None and error.code == "contact_lost" and target.source != "--url":
        remedy += " `webjobs context show` says why it is this server."
    return CommandError(error.code, error.message, remedy)


def _unauthorized(target: "Target") -> CommandError:
    if not target.username:
        return CommandError(
            "unauthorized",
            f"{target.url} needs a login.",
            "Set WEBJOBS_USERNAME and WEBJOBS_PASSWORD, or `webjobs context add NAME URL --username USER`.",
        )
    kept = target.source if target.source.startswith("context ") else "WEBJOBS_PASSWORD or ~/.netrc"
    return CommandError(
        "unauthorized",
        f"{target.url} refuses the login of {target.username!r}.",
        f"Check the name, and the password in {kept}.",
    )
