"""The format of logs: names, chunks with offsets, and the mark of a line; pure.

Runners publish a log in chunks, on the subject of its source (`Subjects.log`). An offset counts bytes from
the first byte ever written to the log; offsets have no gaps. The stream may hold a chunk twice, chunks that
overlap, and after an outage an earlier chunk behind a later one.

The log of a run has the run id as its source. A runner publishes what a continuous job writes under its
instance id, and the first lines of each start under `job_log_source`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"

JOB_LOG = "job.log"
"""Log of a continuous job: the first lines of each start."""
APPLICATION_LOG = "application.log"
"""Log of a continuous job: all that one instance writes."""

Level = Literal["INFO", "ERROR", "SYS INFO", "SYS WARN", "SYS ERROR"]

MARK = re.compile(rb"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > ")
"""Matches the beginning of each line that a runner wrote whole."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LONGEST_OFFSET = 18  # digits


class LogChunk(NamedTuple):
    """A piece of a log."""

    file_name: str
    """Name of the log; empty in a message that is not a log chunk."""
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """Offset of the byte after the chunk."""
        return self.offset + len(self.data)


def chunk_headers(file_name: str, offset: int) -> dict[str, str]:
    """Returns the headers of the message that carries a chunk; its body is the bytes of the chunk."""
    return {FILE_HEADER: file_name, OFFSET_HEADER: str(offset)}


def decode_chunk(headers: Mapping[str, str], data: bytes) -> LogChunk:
    """Returns the chunk that a message carries; without a readable offset the log begins with it."""
    offset = headers.get(OFFSET_HEADER, "")
    is_readable = offset.isascii() and offset.isdigit() and len(offset) <= _LONGEST_OFFSET
    return LogChunk(headers.get(FILE_HEADER, ""), int(offset) if is_readable else 0, data)


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


@lru_cache(maxsize=16)  # of a busy runner, nearly all lines of a second
def _mark(second: int, source: str, level: Level) -> bytes:
    written = (_EPOCH + second * _SECOND).strftime("%m/%d/%Y %H:%M:%S")
    return f"[{written} > {source}: {level}] ".encode()
