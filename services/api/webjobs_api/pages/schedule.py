"""The page of a day of all schedules: `GET /pages/schedule`: what became of due times, and the next ones."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.job import JobDefinition
from webjobs_events.queries import RunView, TriggerKind
from webjobs_rules.amounts import counted
from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_rules.schedule import Schedule, enabled_schedule
from webjobs_rules.status import Status

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.run_filter import RunFilter
from webjobs_api.backends.runs import RUNS, Runs
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.urls import Urls
from webjobs_api.pages import terminal
from webjobs_api.pages.bars import Bars
from webjobs_api.pages.day import KINDS, Day, Passed, band_of, coming_in, day_of
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.page import Page

_JOBS = 50  # on a page
_MOST_DUE_TIMES = 100  # of a job and a day that are looked at for the note
_MOST_TICKS = 10_000  # of a day that are read
_RUNS_A_QUERY = 1000
_MOST_QUERIES = 3  # for the runs of a day
_SHOWN = 5  # due times of a job that are shown one by one, before now and after
_MANY = 5  # jobs that are due in the same second
_SHOWN_SECONDS = 5
_INSTANT = timedelta(microseconds=1)
_UNKNOWN = "How these runs ended is not known here"
_WORDS = {
    Status.INITIALIZING: "waiting",
    Status.RUNNING: "running",
    Status.SUCCESS: "succeeded",
    Status.FAILED: "failed",
    Status.ABORTED: "aborted",
}
_PAGE = Page(
    template="schedule",
    title="Schedule",
    section="schedule",
    regions=("day",),
    events="type=triggered",
    is_remembered=True,
)


@dataclass(frozen=True, slots=True)
class TickLine:
    """What became of a due time; `status` is the class of its mark, `url` is empty without a run."""

    at: datetime
    clock: str
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
        band: The day, drawn; its label says it in words.
        ticks: The last due times that have passed, newest first.
        next: The next due times of the day, with what a clock shows.
        has_more: Whether it is due more often than that.
    """

    job: str
    url: str
    expression: str
    words: str
    zone: str
    band: Bars
    ticks: list[TickLine]
    next: list[tuple[datetime, str]]
    has_more: bool


@dataclass(frozen=True, slots=True)
class BusySecond:
    """A second in which many jobs are due."""

    at: datetime
    jobs: str


class Outcomes:
    """How the scheduled runs of a day stand.

    Args:
        runs: Those that are known; of others it is not known whether they succeeded.
    """

    def __init__(self, runs: Iterable[RunView] = ()) -> None:
        self._statuses = {(run.job_name, run.run_id): run.status for run in runs}

    def word(self, tick: ScheduleTicked) -> str:
        """What became of a due time: a key of `day.KINDS`."""
        if tick.outcome is not TickOutcome.RAN or tick.run_id is None:
            return tick.outcome.value
        status = self._statuses.get((tick.job_name, tick.run_id))
        return tick.outcome.value if status is None else _WORDS[status]


@live
async def show_schedule(request: web.Request) -> web.Response:
    """`GET /pages/schedule`: today, or the day in `?day=`, in UTC or the zone in `?zone=`."""
    app, urls, now = request.app, page_urls(request), datetime.now(UTC)
    after, zone = request.query.get("after", ""), request.query.get("zone", "")
    site_zone = app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")
    try:
        day = day_of(request.query.get("day", ""), zone, now)
        events = await app[TICKS].since(day.begin, _MOST_TICKS)
    except WebJobsError as error:
        return show_fault(request, error)
    found = scheduled(app[DEFINITIONS].all_of(JobType.TRIGGERED), site_zone)
    jobs = {name: each for name, each in found.items() if name > after}
    shown = dict(itertools.islice(jobs.items(), _JOBS))
    outcomes, fault = Outcomes(), ""
    try:
        outcomes = await outcomes_of(app[RUNS], day, shown)
    except WebJobsError as error:
        fault = f"{_UNKNOWN}: {error}"
    lines, busy = await asyncio.to_thread(_lines_and_busy, shown, events, outcomes, day, now, urls)

    def address(text: str, **more: str) -> str:
        return f"{urls.base}/pages/schedule?" + urlencode({"day": text, "zone": day.zone, **more})

    view = {
        "day": day,
        "zones": sorted({"UTC", day.zone, *(schedule.time_zone for schedule in found.values())}),
        "lines": lines,
        "busy": busy[:_SHOWN_SECONDS],
        "more_busy": max(0, len(busy) - _SHOWN_SECONDS),
        "is_cut": len(events) == _MOST_TICKS and events[-1].at < day.end,
        "outcomes_fault": fault,
        "in_terminal": terminal.of_schedule,
        "before": address(day.neighbour(-1)),
        "today": f"{urls.base}/pages/schedule?" + urlencode({"zone": day.zone}),
        "behind": address(day.neighbour(1)),
        "following": address(day.text, after=list(shown)[-1]) if len(jobs) > _JOBS else "",
    }
    return show(request, _PAGE, view)


async def outcomes_of(runs: Runs, day: Day, job_names: Iterable[JobName]) -> Outcomes:
    """How the scheduled runs of a day stand; the latest thousands of them are looked at.

    Raises:
        BusUnavailable, NoResponders: History does not answer.
    """
    wanted = RunFilter(
        job_names=frozenset(job_names),
        triggers=frozenset({TriggerKind.SCHEDULE}),
        since=run_id_at(day.begin),
        until=run_id_at(day.end),
        limit=_RUNS_A_QUERY,
    )
    found: list[RunView] = []
    for _ in range(_MOST_QUERIES if wanted.job_names else 0):
        page = await runs.of_all(wanted)
        found += page.runs
        if page.next is None:
            break
        wanted = replace(wanted, before=page.next)
    return Outcomes(found)


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
    outcomes: Outcomes,
    day: Day,
    now: datetime,
    urls: Urls,
) -> ScheduleLine:
    """A job's day; `ticks` are those of the day, oldest first."""
    due = list(
        itertools.islice(schedule.due_between(max(day.begin - _INSTANT, now), day.end - _INSTANT), _SHOWN + 1)
    )
    passed = [Passed(tick.due, tick.until or tick.due, tick.count, outcomes.word(tick)) for tick in ticks]
    return ScheduleLine(
        job=name,
        url=urls.triggered_page(name),
        expression=schedule.expression,
        words=cron_in_words(schedule.cron),
        zone=schedule.time_zone,
        band=band_of(day, passed, coming_in(schedule, day, now), now),
        ticks=[_tick_line(tick, outcomes.word(tick), day, urls) for tick in ticks[::-1][:_SHOWN]],
        next=[(at, day.clock(at)) for at in due[:_SHOWN]],
        has_more=len(due) > _SHOWN,
    )


def busy_seconds(schedules: Mapping[JobName, Schedule], day: Day) -> list[BusySecond]:
    """The seconds of a day in which many jobs are due, those with most jobs first."""
    jobs: dict[datetime, list[str]] = defaultdict(list)
    for name, schedule in schedules.items():
        due_times = schedule.due_between(day.begin - _INSTANT, day.end - _INSTANT)
        for due in itertools.islice(due_times, _MOST_DUE_TIMES):
            jobs[due].append(name)
    busy = [(at, names) for at, names in jobs.items() if len(names) >= _MANY]
    return [
        BusySecond(at, counted(len(names), "job"))
        for at, names in sorted(busy, key=lambda each: (-len(each[1]), each[0]))
    ]


def _lines_and_busy(
    schedules: Mapping[JobName, Schedule],
    events: Iterable[ScheduleTicked],
    outcomes: Outcomes,
    day: Day,
    now: datetime,
    urls: Urls,
) -> tuple[list[ScheduleLine], list[BusySecond]]:
    ticks: dict[JobName, list[ScheduleTicked]] = defaultdict(list)
    for tick in events:
        if (tick.until or tick.due) >= day.begin and tick.due < day.end:
            ticks[tick.job_name].append(tick)
    lines = [
        schedule_line(name, schedule, ticks[name], outcomes, day, now, urls)
        for name, schedule in schedules.items()
    ]
    return lines, busy_seconds(schedules, day)


def _tick_line(tick: ScheduleTicked, word: str, day: Day, urls: Urls) -> TickLine:
    words = word.capitalize()
    return TickLine(
        at=tick.due,
        clock=day.clock(tick.due),
        words=words if tick.count == 1 else f"{words}, {tick.count:,} times",
        status=KINDS[word],
        url=urls.run_page(tick.job_name, tick.run_id) if tick.run_id else "",
        reason=tick.reason,
    )
