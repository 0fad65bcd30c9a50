"""The first page: `GET /`: what needs attention, what runs, what is due, and all jobs."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.errors import WebJobsError
from webjobs_events.job import JobDefinition, JobName, JobType
from webjobs_events.queries import RunView
from webjobs_events.run_id import run_id_at
from webjobs_events.status import Status

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.backends.run_filter import MAX_RUNS, STATUS_WORDS, RunFilter
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.legacy_responses import in_name_order
from webjobs_api.jobs.refusal_list import refusal_rows
from webjobs_api.pages.frame import Page, live, page_urls, show
from webjobs_api.pages.job_lines import (
    JobFilter,
    JobLine,
    continuous_line,
    ordered,
    that_pass,
    triggered_line,
)
from webjobs_api.pages.run_rows import run_row
from webjobs_api.schedules.preview import next_due

_JOBS, _RUNNING, _DUE = 100, 10, 5  # at most, on the page
_FILTERS = {
    JobFilter.ALL: "All",
    JobFilter.FAILED: "Need attention",
    JobFilter.RUNNING: "Running",
    JobFilter.DISABLED: "Disabled",
    JobFilter.SCHEDULED: "Scheduled",
    JobFilter.NEVER_RAN: "Never ran",
    JobFilter.CONTINUOUS: "Continuous",
}
_PAGE = Page(
    template="overview",
    title="Jobs",
    section="overview",
    regions=("attention", "figures", "running", "due", "jobs"),
    events="",
)


@live
async def show_index(request: web.Request) -> web.Response:
    """`GET /`: every job; `?text=` and `?filter=` choose among them."""
    now, known = datetime.now(UTC), request.app[DEFINITIONS]
    definitions = [each for kind in JobType for each in in_name_order(known.all_of(kind))]
    try:
        lines, active, failed = await asyncio.gather(
            _lines(request, definitions, now),
            request.app[RUNS].of_all(RunFilter(statuses=frozenset(STATUS_WORDS["active"]), limit=MAX_RUNS)),
            request.app[RUNS].of_all(_failed_since(now - timedelta(days=1))),
        )
    except WebJobsError as error:
        page = Page(template="fault", title="Jobs", section="overview")
        return await show(request, page, {}, status_of(error), fault=str(error))
    urls, running = page_urls(request), [run for run in active.runs if run.status is Status.RUNNING]
    text, chosen = request.query.get("text", ""), _chosen(request.query.get("filter", ""))
    matching = that_pass(lines, text, chosen)
    defined = {(line.type, line.name) for line in lines}
    refused = refusal_rows(request.app[REFUSALS].all())
    view = {
        "attention": [line for line in lines if line.needs_attention],
        "refused": [each for each in refused if (each.type, each.job) not in defined],
        "figures": _figures(lines, active.runs, len(failed.runs), urls.base),
        "running": [run_row(run, urls, now) for run in running[:_RUNNING]],
        "due": sorted((line.due, line.name, line.url) for line in lines if line.due is not None)[:_DUE],
        "lines": matching[:_JOBS],
        "count": len(lines),
        "left_out": max(0, len(matching) - _JOBS),
        "text": text,
        "filters": [
            (words, f"{urls.base}/?{urlencode({'text': text, 'filter': key.value})}", key is chosen)
            for key, words in _FILTERS.items()
        ],
    }
    return await show(request, _PAGE, view)


async def _lines(request: web.Request, definitions: Sequence[JobDefinition], now: datetime) -> list[JobLine]:
    urls, is_alive = page_urls(request), request.app[RUNNERS].is_alive
    site_zone = request.app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")
    latest, statuses = await asyncio.gather(
        request.app[RUNS].latest_of(_names(definitions, JobType.TRIGGERED)),
        request.app[HISTORY].statuses(_names(definitions, JobType.CONTINUOUS), may_lack=True),
    )

    def line_of(job: JobDefinition) -> JobLine:
        if job.job_type is JobType.TRIGGERED:
            return triggered_line(job, latest.get(job.job_name), next_due(job, site_zone, now), urls, now)
        alive = [view for view in statuses.get(job.job_name, []) if is_alive(view.instance)]
        return continuous_line(job, alive, urls)

    return ordered(line_of(each) for each in definitions)


def _figures(
    lines: Sequence[JobLine], active: Sequence[RunView], failed: int, base: str
) -> list[tuple[str, str, str, bool]]:
    """Words, value and address of each figure, and whether it is an alarm."""
    running = sum(run.status is Status.RUNNING for run in active)
    continuous = [line for line in lines if line.type == JobType.CONTINUOUS]
    up = sum(line.status == Status.RUNNING for line in continuous)
    runs = f"{base}/pages/runs?status="
    return [
        ("Running", _count(running), f"{runs}Running", False),
        ("Waiting", _count(len(active) - running), f"{runs}Initializing", False),
        ("Failed in 24 h", _count(failed), f"{runs}Failed", failed > 0),
        ("Continuous up", f"{up}/{len(continuous)}", f"{base}/?filter=continuous", up < len(continuous)),
    ]


def _failed_since(instant: datetime) -> RunFilter:
    return RunFilter(statuses=frozenset({Status.FAILED}), since=run_id_at(instant), limit=MAX_RUNS)


def _count(number: int) -> str:
    return f"{number:,}+" if number >= MAX_RUNS else str(number)


def _chosen(word: str) -> JobFilter:
    return JobFilter(word) if word in set(JobFilter) else JobFilter.ALL


def _names(definitions: Sequence[JobDefinition], job_type: JobType) -> list[JobName]:
    return [each.job_name for each in definitions if each.job_type is job_type]
