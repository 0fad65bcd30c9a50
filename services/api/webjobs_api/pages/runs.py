"""The page of all runs of all jobs: `GET /pages/runs`."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.run_filter import STATUS_WORDS, RunFilter, cursor_of, run_filter_of
from webjobs_api.backends.runs import RUNS
from webjobs_api.http.legacy_responses import in_name_order
from webjobs_api.pages import terminal
from webjobs_api.pages.bulk_form import run_filters
from webjobs_api.pages.bulk_view import RUN_WORDS
from webjobs_api.pages.frame import is_select_mode, live, page_urls, show, show_fault
from webjobs_api.pages.page import Page
from webjobs_api.pages.run_rows import run_row
from webjobs_api.runs.all_runs import of_defined_jobs

_FILTERS = ("status", "job", "trigger", "runner", "since", "until", "before", "limit")
_WORDS = {"active": "Running now", "Failed": "Failed", "Success": "Succeeded", "Aborted": "Aborted"}
_ACTIONS = [(action.value, words.verb) for action, words in RUN_WORDS.items()]

_PAGE = Page(
    template="runs",
    title="Runs",
    section="runs",
    regions=("list",),
    events="type=triggered",
    is_remembered=True,
)


@live
async def show_runs(request: web.Request) -> web.Response:
    """`GET /pages/runs`: newest first, with filters; `?select=1` has check boxes."""
    given = {name: [each for each in request.query.getall(name, []) if each] for name in _FILTERS}
    given = {name: values for name, values in given.items() if values}
    try:
        wanted = of_defined_jobs(request.app[DEFINITIONS], run_filter_of(given))
        found = await request.app[RUNS].of_all(wanted)
    except WebJobsError as error:
        return show_fault(request, error, "runs")
    urls, now = page_urls(request), datetime.now(UTC)
    path, select = f"{urls.base}/pages/runs", is_select_mode(request)
    filters = dict(given)
    if select:
        given["select"] = ["1"]
    older = _address(path, given, before=[cursor_of(found.next)]) if found.next else ""
    jobs = [each.job_name for each in in_name_order(request.app[DEFINITIONS].all_of(JobType.TRIGGERED))]
    view = {
        "runs": [run_row(run, urls, now) for run in found.runs],
        "older": older,
        "newest": _address(path, given, before=[]) if wanted.before else "",
        "statuses": [
            (word, _address(path, given, status=[status], before=[]), _is_chosen(wanted, status))
            for status, word in _WORDS.items()
        ],
        "all_statuses": (_address(path, given, status=[], before=[]), not wanted.statuses),
        "jobs": jobs,
        "chosen": {name: values[0] for name, values in given.items()},
        "select": select,
        "selection": _address(path, given, select=[] if select else ["1"]),
        "given": run_filters(given),
        "in_terminal": lambda shell: terminal.of_runs(shell, filters),
        "actions": _ACTIONS,
        "twin": _address(f"{urls.base}/api/runs", given, select=[]),
    }
    return show(request, _PAGE, view)


def _is_chosen(wanted: RunFilter, status: str) -> bool:
    return wanted.statuses == frozenset(STATUS_WORDS[status])


def _address(path: str, given: dict[str, list[str]], **changed: list[str]) -> str:
    query = urlencode({name: values for name, values in {**given, **changed}.items() if values}, doseq=True)
    return f"{path}?{query}" if query else path
