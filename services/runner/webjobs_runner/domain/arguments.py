"""How the text of a run's arguments becomes the list a process is given."""

import shlex

from webjobs_runner.errors import InvalidArguments


def split_arguments(text: str) -> list[str]:
    r"""Split as a POSIX shell would, without expanding or running anything.

    `a "b c" d\ e` gives three arguments; `$HOME`, `*` and `;` stay as they are written.

    Source: Kudu, BaseJobRunner.cs appends the text verbatim and leaves quoting to chance; we do not.

    Raises:
        InvalidArguments: a quote is not closed, the text ends in a back-slash, or it holds a NUL.
    """
    if not text:
        return []
    if "\0" in text:
        raise InvalidArguments(text, "they hold a NUL character, which no process can be given")
    try:
        return shlex.split(text, comments=False, posix=True)
    except ValueError as fault:
        reason = (
            "they end in a lone back-slash; double it to mean the character"
            if "escaped" in str(fault)
            else "a quote is not closed; close it, or write a back-slash before it to mean the character"
        )
        raise InvalidArguments(text, reason) from fault
