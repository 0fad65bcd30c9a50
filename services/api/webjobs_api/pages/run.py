"""The page of a run: `GET /pages/triggered/{job}/history/{id}`, the address in every alert."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.errors import WebJobsError
from webjobs_events.log_format import output_log
from webjobs_events.queries import RunView
from webjobs_events.status import Status, is_terminal

from webjobs_api.backends.runs import RUNS
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.requests import Page as RunsPage
from webjobs_api.http.urls import quoted
from webjobs_api.logs.handlers import source_of_run
from webjobs_api.logs.line_window import LineReader
from webjobs_api.pages.frame import Page, live, page_urls, show, show_fault
from webjobs_api.pages.log_view import LogView, ShownLog, log_view
from webjobs_api.pages.run_rows import headline, run_row, story, usual

_NEAR = 50  # runs of the job that are looked at for those beside this one


@live
async def show_run(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/triggered/{job}/history/{id}`: one run; `fault`: what a button could not do."""
    try:
        _, run = await known_run(request)
        near = await request.app[RUNS].of_job(run.job_name, RunsPage(limit=_NEAR))
        older = await request.app[RUNS].of_job(run.job_name, RunsPage(limit=_NEAR, before=run.run_id))
        log = await _log(request, run)
    except WebJobsError as error:
        return show_fault(request, fault or error)
    urls, now = page_urls(request), datetime.now(UTC)
    row = run_row(run, urls, now)
    newer = [each for each in near if each.run_id > run.run_id]
    success = next((each for each in older if each.status is Status.SUCCESS), None)
    view = {
        "run": row,
        "headline": headline(run, row.took),
        "story": story(run),
        "usual": usual(older),
        "log": log,
        "previous": urls.run_page(run.job_name, older[0].run_id) if older else "",
        "next": urls.run_page(run.job_name, newer[-1].run_id) if newer else "",
        "last_success": urls.run_page(run.job_name, success.run_id) if success else "",
        "is_new_version": bool(older) and bool(run.digest) and older[0].digest != run.digest,
        "twin": urls.run(run.job_name, run.run_id),
        "live_log": _live_log(urls.run(run.job_name, run.run_id), run, log),
        "log_events": "Success Failed Aborted",
    }
    page = Page(
        template="run",
        title=f"{run.status.value}: {run.job_name}",
        section="runs",
        regions=("head", "log"),
        events=f"type=triggered&job={quoted(run.job_name)}" if not is_terminal(run.status) else None,
    )
    return show(request, page, view, fault)


async def _log(request: web.Request, run: RunView) -> LogView:
    source = source_of_run(request, run, output_log(run.run_id))
    shown = ShownLog(
        source=source,
        page=page_urls(request).run_page(run.job_name, run.run_id),
        raw=page_urls(request).output(run.job_name, run.run_id),
        is_over=is_terminal(run.status),
        opens_at_error=run.status is Status.FAILED,
    )
    return await log_view(request, shown, LineReader(request.app[BUS], source))


def _live_log(address: str, run: RunView, log: LogView) -> str:
    """Where the log goes on; empty when it does not, or its end is not on the page."""
    if is_terminal(run.status) or not log.is_at_end:
        return ""
    return f"{address}/log?offset={log.follow_from}"
