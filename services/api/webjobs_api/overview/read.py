"""Reads the overview: the mirrors of this process, and questions to history."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_events.queries import RunTotals, RunTotalsQuery, RunView
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at

from webjobs_api.backends.failing_hooks import FAILING_HOOKS
from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.last_lines import last_lines
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS, may_have_begun
from webjobs_api.backends.ticks import TICKS
from webjobs_api.backends.usage import USAGE
from webjobs_api.http.held_back import holding_schedules
from webjobs_api.http.keys import BUS, LIVE_SETTINGS
from webjobs_api.http.urls import Urls
from webjobs_api.overview.acknowledged import Given, divided
from webjobs_api.overview.attention import Attention, attention_of, most_severe
from webjobs_api.overview.due_times import DUE_TIMES
from webjobs_api.overview.job_facts import JobFacts
from webjobs_api.overview.overview_json import (
    CountsJson,
    OverviewJson,
    acknowledged_json,
    attention_json,
    due_json,
    job_row,
    running_json,
)
from webjobs_api.overview.selection import JobFilter, page_of_jobs
from webjobs_api.wording.sentence import Sentence

_SHOWN_ATTENTION = 100
_SHOWN_RUNNING = 10
_SHOWN_DUE_TIMES = 5
_FAILED_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What was read.

    Attributes:
        json: The answer, without the address of its next page.
        after: What `after` is for that page; None on the last one.
        matching: How many jobs the filter lets through, on all pages.
        sentences: One for each entry of `attention`, with instants that a page shows by its clock.
    """

    json: OverviewJson
    after: str | None
    matching: int
    sentences: Sequence[Sentence]


@dataclass(frozen=True, slots=True)
class _State:
    """All jobs at an instant.

    Attributes:
        totals: Of all runs.
        jobs: Every job.
        in_queue: How many runs wait in the queue.
        attention: All that needs attention, acknowledged or not.
        acknowledgements: All that were given.
    """

    totals: RunTotals
    jobs: list[JobFacts]
    in_queue: int
    attention: list[Attention]
    acknowledgements: list[Given]


async def read_overview(app: web.Application, wanted: JobFilter, urls: Urls, now: datetime) -> Overview:
    """The overview at an instant.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    state = await _read_state(app, now)
    attention, acknowledged = divided(state.attention, state.acknowledgements, now)
    kinds = most_severe(attention)
    known = {job.key for job in state.jobs}
    page, following = page_of_jobs(state.jobs, wanted, kinds, now)
    running = state.totals.longest_running[:_SHOWN_RUNNING]
    lines = await last_lines(app[BUS], [(run.job_name, run.run_id) for run in running])
    summaries = {job.definition.job_name: job.summary for job in state.jobs if job.is_triggered}
    overview = OverviewJson(
        attention=[
            attention_json(each, (each.type, each.job) in known, urls, now)
            for each in attention[:_SHOWN_ATTENTION]
        ],
        acknowledged=[
            acknowledged_json(each, by, (each.type, each.job) in known, urls, now)
            for each, by in acknowledged[:_SHOWN_ATTENTION]
        ],
        counts=_counts(state, len(attention), len(acknowledged)),
        running=[
            running_json(run, summaries.get(run.job_name), lines.get((run.job_name, run.run_id)), urls, now)
            for run in running
        ],
        next_due=due_json(state.jobs, _SHOWN_DUE_TIMES, urls),
        jobs=[job_row(job, kinds.get(job.key), urls) for job in page],
        next=None,
    )
    return Overview(
        json=overview,
        after=following,
        matching=sum(wanted.passes(job, now) for job in state.jobs),
        sentences=[each.sentence for each in attention[:_SHOWN_ATTENTION]],
    )


async def read_attention(app: web.Application, now: datetime) -> tuple[list[Attention], list[Given]]:
    """All that needs attention, acknowledged or not, and all acknowledgements.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    state = await _read_state(app, now)
    return state.attention, state.acknowledgements


async def read_counts(app: web.Application, now: datetime) -> CountsJson:
    """The figures of the overview alone.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    state = await _read_state(app, now)
    attention, acknowledged = divided(state.attention, state.acknowledgements, now)
    return _counts(state, len(attention), len(acknowledged))


async def jobs_that_pass(app: web.Application, wanted: JobFilter, now: datetime) -> list[JobDefinition]:
    """Every job that the overview lists on one of its pages.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    _, jobs = await _totals_and_jobs(app, await app[RUNS].waiting(), now)
    return [job.definition for job in jobs if wanted.passes(job, now)]


async def _read_state(app: web.Application, now: datetime) -> _State:
    waiting = await app[RUNS].waiting()
    (totals, jobs), acknowledgements = await asyncio.gather(
        _totals_and_jobs(app, waiting, now), _acknowledgements(app)
    )
    return _State(totals, jobs, len(waiting), _attention_of(app, jobs, now), acknowledgements)


async def _totals_and_jobs(
    app: web.Application, waiting: Sequence[RunView], now: datetime
) -> tuple[RunTotals, list[JobFacts]]:
    triggered = app[DEFINITIONS].all_of(JobType.TRIGGERED)
    continuous = app[DEFINITIONS].all_of(JobType.CONTINUOUS)
    query = RunTotalsQuery(
        failed_since=run_id_at(now - _FAILED_WITHIN),
        waiting=may_have_begun(waiting),
    )
    totals, summaries, statuses, due = await asyncio.gather(
        app[HISTORY].run_totals(query),
        app[RUNS].summaries_of([each.job_name for each in triggered], waiting),
        app[HISTORY].statuses([each.job_name for each in continuous], may_lack=True),
        app[DUE_TIMES].next_of(triggered, app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE"), now),
    )
    running: dict[JobName, list[RunView]] = defaultdict(list)
    for run in totals.longest_running:
        running[run.job_name].append(run)
    refused = {(each.job_type, each.folder_name): each.at for each in app[REFUSALS].all()}
    held_back, last_tick, runners = _are_held_back(app), app[TICKS].last, app[RUNNERS]
    return totals, [
        *(
            JobFacts(
                definition=each,
                summary=summaries.get(each.job_name),
                running=running.get(each.job_name, ()),
                tick=last_tick(each.job_name),
                is_scheduled=each.job_name in due,
                next_due=None if held_back else due.get(each.job_name),
                refused_since=refused.get((each.job_type, each.job_name)),
            )
            for each in triggered
        ),
        *(
            JobFacts(
                definition=each,
                instances=runners.of_alive(statuses.get(each.job_name, ())),
                usage=app[USAGE].of_job(each.job_name),
                refused_since=refused.get((each.job_type, each.job_name)),
            )
            for each in continuous
        ),
    ]


def _are_held_back(app: web.Application) -> bool:
    """Whether a setting of the site keeps every schedule from starting runs."""
    return holding_schedules(app[LIVE_SETTINGS]) is not None


def _attention_of(app: web.Application, jobs: Sequence[JobFacts], now: datetime) -> list[Attention]:
    hooks, held_back = app[FAILING_HOOKS].failing(), _are_held_back(app)
    return attention_of(jobs, app[REFUSALS].all(), now, hooks=hooks, schedules_held_back=held_back)


async def _acknowledgements(app: web.Application) -> list[Given]:
    return [*await app[HISTORY].acknowledgements(), *app[FAILING_HOOKS].acknowledgements()]


def _counts(state: _State, attention: int, acknowledged: int) -> CountsJson:
    totals, continuous = state.totals, [job for job in state.jobs if not job.is_triggered]
    return CountsJson(
        running=totals.running,
        waiting=max(0, state.in_queue - totals.begun),
        failed_24h=totals.failed,
        continuous_up=sum(job.is_up for job in continuous),
        continuous_total=sum(not job.is_disabled for job in continuous),
        jobs=len(state.jobs),
        attention=attention,
        acknowledged=acknowledged,
    )
