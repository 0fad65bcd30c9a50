"""The log of a continuous job on its page: of one instance, opened at a start."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_rules.job import JobType
from webjobs_rules.log_format import read_mark

from webjobs_api.http.keys import BUS
from webjobs_api.logs.handlers import source_of_instance
from webjobs_api.logs.line_handlers import LINES, MOST_LINES
from webjobs_api.logs.line_view import LogLine, line_view
from webjobs_api.logs.line_window import LineReader
from webjobs_api.pages.frame import page_urls
from webjobs_api.pages.log_part import START_LINE, ShownLog, error_lines
from webjobs_api.pages.log_view import LogView, log_view
from webjobs_api.pages.starts import Start

_INSTANCE = re.compile("[0-9a-f]{6}")
_FIRST_LINE = START_LINE.encode()  # of a start
_WINDOWS = 4  # of `MOST_LINES` that are read to find the first line of a start
_ERRORS = 5  # lines that are shown of a crash


@dataclass(frozen=True, slots=True)
class InstanceLog:
    """What a page shows of the log of an instance.

    Attributes:
        view: A window of it.
        start: With which it opens; None when with no certain one.
        last_errors: The last error lines of the latest start that crashed.
    """

    view: LogView
    start: Start | None
    last_errors: list[LogLine]


async def instance_log(
    request: web.Request, job_name: str, starts: Sequence[Start], instance: str, *, is_crashing: bool
) -> InstanceLog:
    """The log of the instance and the start that the address names.

    Args:
        request: With the parameters `instance`, `start`, `line` and `q`.
        job_name: A continuous job.
        starts: Of the job, the oldest first.
        instance: Unless the address names one.
        is_crashing: Whether it is in a crash loop there: then the log opens at the last start that ended.
    """
    named = named_instance(request)
    if named and named != instance:
        instance, is_crashing = named, False
    own = [start for start in starts if start.instance == instance]
    key = request.query.get("start", "")
    crashed = next((start for start in reversed(own) if start.ended), None) if is_crashing else None
    start = next((start for start in own if key and start.key == key), None) or (crashed if not key else None)
    log = shown_log(request, job_name, instance)
    reader = LineReader(request.app[BUS], log.source)
    first = last = 0
    errors: list[LogLine] = []
    try:
        first, last = await _part(reader, start, own)
        if crashed is not None:
            errors = await _last_errors(reader, *(await _part(reader, crashed, own)))
    except BusUnavailable:
        pass  # the view says so
    log = replace(log, opens_at=first, ends_at=last)
    return InstanceLog(await log_view(request, log, reader), start if first else None, errors)


def named_instance(request: web.Request) -> str:
    """The instance that the address names; empty when it names none."""
    named = request.query.get("instance", "")
    return named if _INSTANCE.fullmatch(named) else ""


def shown_log(request: web.Request, job_name: str, instance: str) -> ShownLog:
    """The log of an instance on the page of its job."""
    urls = page_urls(request)
    return ShownLog(
        source=source_of_instance(request, job_name, instance or "none"),
        page=urls.page(JobType.CONTINUOUS, job_name),
        fields={"instance": instance} if instance else {},
        raw=urls.application_log(job_name),
        is_over=False,
    )


async def _part(reader: LineReader, start: Start | None, own: Sequence[Start]) -> tuple[int, int]:
    """Numbers of the first and the last line of a start; 0 and 0 when they are not in the log."""
    if start is None or start.began is None:
        return 0, 0
    first = await _first_line(reader, start.began, own)
    place = own.index(start) + 1
    following = own[place].began if place < len(own) else None
    behind = await _first_line(reader, following, own) if first and following else 0
    return first, behind - 1 if behind else (await reader.extent()).lines if first else 0


async def _first_line(reader: LineReader, began: datetime, own: Sequence[Start]) -> int:
    """Number of the line with which a start begins; 0 when it is not in the log."""
    second = began.replace(microsecond=0)
    before = sum(each.began is not None and second <= each.began < began for each in own)
    number = await reader.first_since(second)
    for _ in range(_WINDOWS if number else 0):
        lines = await reader.lines(number or 1, MOST_LINES)
        for line in lines:
            if not line.head.endswith(_FIRST_LINE):
                continue
            mark = read_mark(line.head)
            if mark is None or mark.size + len(_FIRST_LINE) != line.size or mark.at < second:
                continue
            if not before:
                return line.number
            before -= 1
        if not lines:
            break
        number = lines[-1].number + 1
    return 0


async def _last_errors(reader: LineReader, first: int, last: int) -> list[LogLine]:
    if not first:
        return []
    begin = max(first, last - LINES + 1)
    lines = [line_view(line) for line in await reader.lines(begin, last - begin + 1)]
    return error_lines(lines)[-_ERRORS:]
