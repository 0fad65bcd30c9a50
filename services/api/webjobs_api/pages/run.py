"""The page of a run: `GET /pages/triggered/{job}/history/{id}`, the address in every alert."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.heartbeat import PreparingJob
from webjobs_events.queries import RunView
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.log_format import output_log
from webjobs_rules.status import Status, is_terminal

from webjobs_api.backends.runners import RUNNERS, Runners
from webjobs_api.backends.runs import RUNS
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.requests import Page as RunsPage
from webjobs_api.http.run_errors import RunNotFound
from webjobs_api.http.urls import quoted
from webjobs_api.logs.handlers import current_run, source_of_run
from webjobs_api.logs.line_window import LineReader
from webjobs_api.pages import terminal
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.log_lines import show_lines
from webjobs_api.pages.log_part import START_LINE, ShownLog
from webjobs_api.pages.log_view import LogView, log_view
from webjobs_api.pages.page import Page
from webjobs_api.pages.removed_run import show_removed_run
from webjobs_api.pages.run_rows import headline, run_row, story, usual

_NEAR = 50  # runs of the job that are looked at for those beside this one


@live
async def show_run(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/triggered/{job}/history/{id}`: one run; `fault`: what a button could not do."""
    try:
        _, run = await known_run(request)
        near = await request.app[RUNS].of_job(run.job_name, RunsPage(limit=_NEAR))
        older = await request.app[RUNS].of_job(run.job_name, RunsPage(limit=_NEAR, before=run.run_id))
        shown = shown_log(request, run)
        log = await log_view(request, shown, LineReader(request.app[BUS], shown.source))
    except RunNotFound as error:
        return await show_removed_run(request) or show_fault(request, fault or error)
    except WebJobsError as error:
        return show_fault(request, fault or error)
    urls, now = page_urls(request), datetime.now(UTC)
    row = run_row(run, urls, now)
    newer = [each for each in near if each.run_id > run.run_id]
    success = next((each for each in older if each.status is Status.SUCCESS), None)
    view = {
        "run": row,
        "headline": headline(run, row.took, _preparing(request.app[RUNNERS], run)),
        "story": story(run),
        "usual": usual(older),
        "log": log,
        "start_line": START_LINE,
        "previous": urls.run_page(run.job_name, older[0].run_id) if older else "",
        "next": urls.run_page(run.job_name, newer[-1].run_id) if newer else "",
        "last_success": urls.run_page(run.job_name, success.run_id) if success else "",
        "is_new_version": bool(older) and bool(run.digest) and older[0].digest != run.digest,
        "twin": f"{urls.base}/api/runs/{quoted(run.job_name)}/{run.run_id}",
        "live_log": _live_log(urls.run(run.job_name, run.run_id), run, log),
        "in_terminal": lambda shell: terminal.of_run(
            shell, run.job_name, run.run_id, is_over=is_terminal(run.status)
        ),
        "tools_events": "Success Failed Aborted",
    }
    page = Page(
        template="run",
        title=f"{run.status.value}: {run.job_name}",
        section="runs",
        regions=("head", "log_tools"),
        is_remembered=True,
        events=f"type=triggered&job={quoted(run.job_name)}" if not is_terminal(run.status) else None,
    )
    return show(request, page, view, fault)


def _preparing(runners: Runners, run: RunView) -> PreparingJob | None:
    """The preparation of packages for which a run may wait on its runner; None without one."""
    of_job = runners.preparing(JobType.TRIGGERED, run.job_name).get(run.instance, ())
    return next((each for each in of_job if not each.is_new_version), None)


def shown_log(request: web.Request, run: RunView) -> ShownLog:
    """The output log of a run on its page."""
    urls = page_urls(request)
    return ShownLog(
        source=source_of_run(request, run, output_log(run.run_id)),
        page=urls.run_page(run.job_name, run.run_id),
        raw=urls.output(run.job_name, run.run_id),
        is_over=is_terminal(run.status),
        opens_at_error=run.status is Status.FAILED,
    )


async def show_run_lines(request: web.Request) -> web.Response:
    """`GET /pages/triggered/{job}/history/{id}/lines`: lines of its log alone, for the script of its page."""
    try:
        run = await current_run(request)
        return await show_lines(request, shown_log(request, run))
    except WebJobsError as error:
        return show_fault(request, error)


def _live_log(address: str, run: RunView, log: LogView) -> str | None:
    """Address of what says when the log has grown; None when it does not, or its end is not on the page."""
    if is_terminal(run.status) or not log.is_at_end:
        return None
    return f"{address}/log?offset={log.follow_from}&quiet=1"
