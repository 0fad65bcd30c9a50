"""The page of a day of all schedules: `GET /pages/schedule`: what became of due times, and the next ones."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.job import JobDefinition
from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.schedule import Schedule, enabled_schedule
from webjobs_rules.word_list import listed

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http.errors import InvalidPage
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.urls import Urls
from webjobs_api.pages.frame import Page, live, page_urls, show, show_fault
from webjobs_api.wording.amounts import counted

_JOBS = 50  # on a page
_MOST_DUE_TIMES = 100  # of a job and a day that are looked at for the note
_MOST_TICKS = 10_000  # of a day that are read
_SHOWN = 5  # due times of a job that are shown one by one, before now and after
_MANY = 5  # jobs that are due in the same second
_SHOWN_SECONDS = 5
_ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_PAGE = Page(
    template="schedule", title="Schedule", section="schedule", regions=("day",), events="type=triggered"
)


@dataclass(frozen=True, slots=True)
class TickLine:
    """What became of a due time; `status` is the class of its mark, `url` is empty without a run."""

    at: datetime
    words: str
    status: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """A job's day.

    Attributes:
        job: Its name.
        url: Of its page.
        expression: As it is written.
        words: When it is due.
        zone: That it is meant in.
        summary: What became of the due times that have passed, in words.
        ticks: The last ones of them, newest first.
        next: The next due times of the day.
        has_more: Whether it is due more often than that.
    """

    job: str
    url: str
    expression: str
    words: str
    zone: str
    summary: str
    ticks: list[TickLine]
    next: list[datetime]
    has_more: bool


@dataclass(frozen=True, slots=True)
class BusySecond:
    """A second in which many jobs are due."""

    at: datetime
    jobs: str


@live
async def show_schedule(request: web.Request) -> web.Response:
    """`GET /pages/schedule`: today, or the day in `?day=`."""
    app, urls, now = request.app, page_urls(request), datetime.now(UTC)
    after = request.query.get("after", "")
    site_zone = app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")
    try:
        begin = day_of(request.query.get("day", ""), now)
        events = await app[TICKS].since(begin, _MOST_TICKS)
    except WebJobsError as error:
        return show_fault(request, error)
    found = scheduled(app[DEFINITIONS].all_of(JobType.TRIGGERED), site_zone)
    jobs = {name: each for name, each in found.items() if name > after}
    shown = dict(itertools.islice(jobs.items(), _JOBS))
    lines, busy = await asyncio.to_thread(_lines_and_busy, shown, events, begin, now, urls)
    address = f"{urls.base}/pages/schedule?"
    day = f"{begin:%Y-%m-%d}"
    view = {
        "day": day,
        "lines": lines,
        "busy": busy[:_SHOWN_SECONDS],
        "more_busy": max(0, len(busy) - _SHOWN_SECONDS),
        "is_cut": len(events) == _MOST_TICKS and events[-1].at < begin + _ONE_DAY,
        "before": address + urlencode({"day": f"{begin - _ONE_DAY:%Y-%m-%d}"}),
        "behind": address + urlencode({"day": f"{begin + _ONE_DAY:%Y-%m-%d}"}),
        "following": address + urlencode({"day": day, "after": list(shown)[-1]}) if len(jobs) > _JOBS else "",
    }
    return show(request, _PAGE, view)


def day_of(text: str, now: datetime) -> datetime:
    """The first instant of a day in UTC; of today when the text is empty.

    Raises:
        InvalidPage: It is no day, or one of another age.
    """
    if not text:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        day = datetime.min.replace(tzinfo=UTC)
    if not 2000 <= day.year < 3000:
        raise InvalidPage("day", f"{text[:40]!r} is no day such as 2026-01-02")
    return day


def scheduled(definitions: Iterable[JobDefinition], site_zone: str | None) -> dict[JobName, Schedule]:
    """The schedules that start something, by name of their job, in order."""
    found = {}
    for definition in definitions:
        schedule = enabled_schedule(definition.settings, site_zone)
        if schedule is not None:
            found[definition.job_name] = schedule
    return dict(sorted(found.items()))


def schedule_line(
    name: JobName,
    schedule: Schedule,
    ticks: Sequence[ScheduleTicked],
    begin: datetime,
    now: datetime,
    urls: Urls,
) -> ScheduleLine:
    """A job's day; `ticks` are those of the day, oldest first."""
    end = begin + _ONE_DAY - _INSTANT
    due = list(itertools.islice(schedule.due_between(max(begin - _INSTANT, now), end), _SHOWN + 1))
    counts = Counter[TickOutcome]()
    for tick in ticks:
        counts[tick.outcome] += tick.count
    return ScheduleLine(
        job=name,
        url=urls.triggered_page(name),
        expression=schedule.expression,
        words=cron_in_words(schedule.cron),
        zone=schedule.time_zone,
        summary=listed(f"{counts[outcome]:,} {outcome.value}" for outcome in TickOutcome if counts[outcome]),
        ticks=[_tick_line(tick, urls) for tick in ticks[::-1][:_SHOWN]],
        next=due[:_SHOWN],
        has_more=len(due) > _SHOWN,
    )


def busy_seconds(schedules: Mapping[JobName, Schedule], begin: datetime) -> list[BusySecond]:
    """The seconds of a day in which many jobs are due, those with most jobs first."""
    jobs: dict[datetime, list[str]] = defaultdict(list)
    end = begin + _ONE_DAY - _INSTANT
    for name, schedule in schedules.items():
        for due in itertools.islice(schedule.due_between(begin - _INSTANT, end), _MOST_DUE_TIMES):
            jobs[due].append(name)
    busy = [(at, names) for at, names in jobs.items() if len(names) >= _MANY]
    return [
        BusySecond(at, counted(len(names), "job"))
        for at, names in sorted(busy, key=lambda each: (-len(each[1]), each[0]))
    ]


def _lines_and_busy(
    schedules: Mapping[JobName, Schedule],
    events: Iterable[ScheduleTicked],
    begin: datetime,
    now: datetime,
    urls: Urls,
) -> tuple[list[ScheduleLine], list[BusySecond]]:
    ticks: dict[JobName, list[ScheduleTicked]] = defaultdict(list)
    for tick in events:
        if (tick.until or tick.due) >= begin and tick.due < begin + _ONE_DAY:
            ticks[tick.job_name].append(tick)
    lines = [
        schedule_line(name, schedule, ticks[name], begin, now, urls) for name, schedule in schedules.items()
    ]
    return lines, busy_seconds(schedules, begin)


def _tick_line(tick: ScheduleTicked, urls: Urls) -> TickLine:
    words = tick.outcome.value.capitalize()
    return TickLine(
        at=tick.due,
        words=words if tick.count == 1 else f"{words}, {tick.count:,} times",
        status={TickOutcome.RAN: "Success", TickOutcome.MISSED: "Failed"}.get(tick.outcome, "Aborted"),
        url=urls.run_page(tick.job_name, tick.run_id) if tick.run_id else "",
        reason=tick.reason,
    )
