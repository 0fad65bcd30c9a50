"""Lines of a log on a page, and rows for the lines between them that are not shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from webjobs_rules.log_format import STATUS_CHANGED
from webjobs_rules.status import Status

from webjobs_api.logs.line_view import LogLine
from webjobs_api.logs.line_window import LogExtent
from webjobs_api.logs.reader import LogSource

START_LINE = f"{STATUS_CHANGED}{Status.STARTING}"
"""Text of the line with which a start of a continuous job begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLog:
    """Which log a page shows, and where it opens without `?line=` and `?q=`.

    Attributes:
        source: The log.
        page: Address of the page, without a query.
        fields: Of the query that names the log; empty when the page has only one.
        raw: Address of the whole log as text.
        is_over: Whether nothing more is written.
        opens_at_error: Whether it opens at its first error.
        opens_at: Number of the line with which it opens; 0: at its first error, or with its last lines.
        ends_at: Number of the last line of the part that it opens with; 0: it is no part.
    """

    source: LogSource
    page: str
    fields: Mapping[str, str] = field(default_factory=dict)
    raw: str
    is_over: bool
    opens_at_error: bool = False
    opens_at: int = 0
    ends_at: int = 0

    @property
    def lines_url(self) -> str:
        """Address of lines alone, but for the last parameters of its query."""
        return f"{self.page}/lines?{urlencode(self.fields)}{'&' if self.fields else ''}"

    def to_line(self, text: str = "") -> str:
        """Address of the page at a line, but for the line's number.

        Args:
            text: That is searched for.
        """
        query = urlencode({**self.fields, **({"q": text} if text else {})})
        return f"{self.page}?{query}{'&' if query else ''}line="


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that are not shown: those after one number and before another.

    Attributes:
        after: Number of the last line before them.
        before: Number of the first line behind them.
        url: Of the page with some of them.
    """

    after: int
    before: int
    url: str

    @property
    def count(self) -> int:
        """How many lines."""
        return self.before - self.after - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """Lines of a log that follow each other.

    Attributes:
        log: Which log.
        lines: Oldest first.
        total: Number of the last line of the whole log.
        gap_before: Lines before them that are not shown; None: there are none.
        gap_after: Likewise, behind them.
        marked: Numbers of the lines that were asked for, or of the first error; empty: none.
        unfinished: Number of the last line while it has no end; 0: it has one.
        to_line: Address of a line, but for its number.
    """

    log: ShownLog
    lines: list[LogLine]
    total: int
    gap_before: Gap | None
    gap_after: Gap | None
    marked: range
    unfinished: int
    to_line: str


def log_part(
    log: ShownLog,
    lines: list[LogLine],
    extent: LogExtent,
    *,
    after: int = 0,
    before: int = 0,
    marked: range = range(0),
    has_ended: bool = False,
) -> LogPart:
    """Lines with the gaps around them.

    Args:
        log: Which log.
        lines: Oldest first.
        extent: How much of the log is stored.
        after: Number of a line behind which all lines are wanted.
        before: Number of a line before which all lines are wanted; 0: up to the end.
        marked: Numbers of lines.
        has_ended: Whether nothing more comes, so that the last line has its end.
    """
    after = max(after, extent.first - 1)
    last = lines[-1].number if lines else after
    total = max(extent.lines, last)
    end = before or total + 1
    first = lines[0].number if lines else end
    return LogPart(
        log=log,
        lines=lines,
        total=total,
        gap_before=_gap(log, after, first),
        gap_after=_gap(log, last, end) if lines else None,
        marked=marked,
        unfinished=0 if has_ended else _unfinished(lines, extent.end),
        to_line=log.to_line(),
    )


def error_lines(lines: list[LogLine]) -> list[LogLine]:
    """The lines that say what went wrong: of the script, or else of webjobs."""
    wrong = [line for line in lines if line.stream == "stderr" or line.level == "error"]
    return [line for line in wrong if line.stream != "system"] or wrong


def at_line(to_line: str, line: int) -> str:
    """Address of the page at a line."""
    return f"{to_line}{line}#L{line}"


def _gap(log: ShownLog, after: int, before: int) -> Gap | None:
    return Gap(after, before, at_line(log.to_line(), after + 1)) if before - after > 1 else None


def _unfinished(lines: list[LogLine], end: int) -> int:
    """Number of the last line if it has no end yet; else 0."""
    return lines[-1].number if lines and lines[-1].offset + lines[-1].size >= end else 0
