"""What `webjobs deploy` shows of a deployment that takes a while: on standard error."""

import re
import sys
from types import TracebackType
from typing import TextIO

from webjobs_cli.output import terminal_width
from webjobs_cli.table import printable

_MARK = re.compile(r"^\[[^\]]*: (?:SYS )?(?:INFO|WARN|ERROR)\] ")
_DONE = "Deployed."
_ERASE = "\r\x1b[2K"


class DeploymentProgress:
    """A context: lines of the log, one on a terminal that replaces the one before, else one after the other.

    Nothing is shown of a deployment that only unpacks and is done.

    Args:
        is_on: Whether anything is shown.
        stream: Where.
    """

    def __init__(self, *, is_on: bool = True, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_on = is_on
        self._first = ""
        self._has_shown = False

    def __enter__(self) -> "DeploymentProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._has_shown and self._stream.isatty():
            self._stream.write(_ERASE)
            self._stream.flush()

    def line(self, line: str) -> None:
        """Show a line of the log."""
        text = printable(_MARK.sub("", line))
        if not self._is_on or text == _DONE or "ERROR] " in line[:60]:  # the command says it
            return
        if not self._first:
            self._first = text
            return
        if not self._has_shown:
            self._show(self._first)
        self._show(text)

    def _show(self, text: str) -> None:
        self._has_shown = True
        if self._stream.isatty():
            self._stream.write(f"{_ERASE}{text[: max(10, terminal_width() - 1)]}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
