"""What a command reports when it fails: a code for programs, a message, and what to do."""


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
