"""The format of logs: names, chunks with offsets, and the mark of a line; pure.

Runners publish a log in chunks, on the subject of its source (`Subjects.log`). An offset counts bytes from
the first byte ever written to the log; offsets have no gaps. The stream may hold a chunk twice, chunks that
overlap, and after an outage an earlier chunk behind a later one. Chunks also count the lines and the error
lines before them, so a reader finds a line without reading what is before it.

The log of a run has the run id as its source. A runner publishes what a continuous job writes under its
instance id, and the first lines of each start under `job_log_source`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"
LINE_HEADER = "Webjobs-Line"
ERRORS_HEADER = "Webjobs-Errors"

JOB_LOG = "job.log"
"""Log of a continuous job: the first lines of each start."""
APPLICATION_LOG = "application.log"
"""Log of a continuous job: all that one instance writes."""

STATUS_CHANGED = "Status changed to "
"""Begins the line of level SYS INFO that a runner writes when a run or an instance enters a status."""

Level = Literal["INFO", "ERROR", "SYS INFO", "SYS WARN", "SYS ERROR"]

MARK = re.compile(rb"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > ")
"""Matches the beginning of each line that a runner wrote whole."""

_WHOLE_MARK = re.compile(
    rb"\[(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d) > [^\]\n]{1,100}: ((?:SYS )?(?:INFO|WARN|ERROR))\] "
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LEVELS: Mapping[bytes, Level] = {each.encode(): each for each in get_args(Level)}
_LONGEST_NUMBER = 18  # digits
_ERROR_LEVEL = b"ERROR] "  # ends the marks of both levels of errors


class LineCount(NamedTuple):
    """How many lines of a log end before an offset."""

    lines: int = 0
    errors: int = 0
    """Marks of level ERROR or SYS ERROR among them; text that looks like one counts as well."""

    def after(self, data: bytes) -> "LineCount":
        """Returns the count behind `data`, which follows."""
        return LineCount(self.lines + data.count(b"\n"), self.errors + data.count(_ERROR_LEVEL))

    def first_error(self, data: bytes) -> int | None:
        """Returns the number of the first line with an error in `data`, which follows; None without one."""
        return next(iter(self.error_lines(data)), None)

    def error_lines(self, data: bytes) -> Iterator[int]:
        """Yields the numbers of the lines with an error in `data`, which follows."""
        line, at = self.lines + 1, 0
        while (found := data.find(_ERROR_LEVEL, at)) >= 0:
            line += data.count(b"\n", at, found)
            yield line
            at = found + 1


class LogChunk(NamedTuple):
    """A piece of a log."""

    file_name: str
    """Name of the log; empty in a message that is not a log chunk."""
    offset: int
    data: bytes
    before: LineCount | None = None
    """What is before the chunk; None in chunks of releases that did not count lines."""

    @property
    def end(self) -> int:
        """Offset of the byte after the chunk."""
        return self.offset + len(self.data)


def chunk_headers(file_name: str, offset: int, before: LineCount | None = None) -> dict[str, str]:
    """Returns the headers of the message that carries a chunk; its body is the bytes of the chunk."""
    headers = {FILE_HEADER: file_name, OFFSET_HEADER: str(offset)}
    if before is not None:
        headers[LINE_HEADER], headers[ERRORS_HEADER] = str(before.lines + 1), str(before.errors)
    return headers


def decode_chunk(headers: Mapping[str, str], data: bytes) -> LogChunk:
    """Returns the chunk that a message carries; without a readable offset the log begins with it."""
    line = _number(headers.get(LINE_HEADER, ""))
    before = LineCount(line - 1, _number(headers.get(ERRORS_HEADER, ""))) if line else None
    return LogChunk(headers.get(FILE_HEADER, ""), _number(headers.get(OFFSET_HEADER, "")), data, before)


def _number(text: str) -> int:
    """The number that a header has; 0 when it has none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else 0


def output_log(run_id: str) -> str:
    """Returns the name of the log that has all lines of a run."""
    return f"output_{run_id}.log"


def error_log(run_id: str) -> str:
    """Returns the name of the log that has what a run wrote to its standard error."""
    return f"error_{run_id}.log"


def has_every_line(file_name: str) -> bool:
    """Returns whether a log has all lines of its run or instance: the other logs repeat some of them."""
    return file_name == APPLICATION_LOG or file_name.startswith("output_")


def job_log_source(instance_id: str) -> str:
    """Returns the source under which a runner publishes its part of `JOB_LOG`."""
    return f"{instance_id}-job"


def line_mark(instant: datetime, source: str, level: Level) -> bytes:
    """Returns `[11/08/2013 02:56:00 > 327e1e: INFO] `: UTC instant, instance or service, and level."""
    return _mark((instant - _EPOCH) // _SECOND, source, level)


class LineMark(NamedTuple):
    """What the mark of a line says."""

    at: datetime
    level: Level
    size: int
    """Bytes before the text of the line."""


def read_mark(line: bytes) -> LineMark | None:
    """Returns the mark of a line; None when it has none that a runner writes."""
    found = _WHOLE_MARK.match(line)
    level = _LEVELS.get(found[7]) if found else None
    if found is None or level is None:
        return None
    month, day, year, hour, minute, second = map(int, found.groups()[:6])
    try:
        return LineMark(datetime(year, month, day, hour, minute, second, tzinfo=UTC), level, found.end())
    except ValueError:
        return None


@lru_cache(maxsize=16)  # of a busy runner, nearly all lines of a second
def _mark(second: int, source: str, level: Level) -> bytes:
    written = (_EPOCH + second * _SECOND).strftime("%m/%d/%Y %H:%M:%S")
    return f"[{written} > {source}: {level}] ".encode()
