"""Lines of logs: from their marks to time, level and text; pure."""

import re
from datetime import UTC, datetime

import msgspec

_MARK = re.compile(
    r"\[(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d) > ([^\]\n]{1,100}): ((?:SYS )?)(INFO|WARN|ERROR)\] ?(.*)",
    re.DOTALL,
)


class LogRow(msgspec.Struct, frozen=True):
    """A line of a log."""

    at: datetime | None
    stream: str
    """`stdout`, `stderr`, or `system` for what webjobs logs."""
    level: str
    """`info`, `warn` or `error`."""
    text: str
    number: int | None = None
    """Counted from 1; null where it is not known."""
    instance: str | None = None
    """The runner, where it is known."""

    @property
    def is_error(self) -> bool:
        """Whether `--errors` shows it."""
        return self.level == "error" or self.stream == "stderr"


def row_of(line: str) -> LogRow:
    """The parts of a line as it is stored; a line without a mark is text alone."""
    match = _MARK.fullmatch(line)
    if match is None:
        return LogRow(None, "stdout", "info", line)
    month, day, year, hour, minute, second, instance, system, level, text = match.groups()
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return LogRow(None, "stdout", "info", line)
    stream = "system" if system else "stderr" if level == "ERROR" else "stdout"
    return LogRow(at, stream, level.lower(), text, instance=instance)
