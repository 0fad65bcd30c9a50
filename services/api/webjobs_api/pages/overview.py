"""The first page: `GET /`: what needs attention, what runs, what is due, and all jobs."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.overview.acknowledge_request import CHOICES
from webjobs_api.overview.overview_json import CountsJson
from webjobs_api.overview.read import read_overview
from webjobs_api.overview.selection import JobState, job_filter_of
from webjobs_api.pages import terminal
from webjobs_api.pages.acknowledgement_lines import acknowledged_line
from webjobs_api.pages.bulk_view import JOB_WORDS
from webjobs_api.pages.frame import is_select_mode, live, page_urls, show, show_fault
from webjobs_api.pages.job_lines import attention_line, job_line, page_address, running_line
from webjobs_api.pages.page import Page
from webjobs_api.pages.tab import TAB
from webjobs_api.pages.tab_state import TabState

_MOST_COUNTED = 10_000
_SHOWN_ATTENTION = 25  # lines; the list of jobs has the others first
_FILTERS = {
    "": "All",
    JobState.FAILED: "Failed",
    JobState.RUNNING: "Running",
    JobState.DISABLED: "Disabled",
    JobState.SCHEDULED: "Scheduled",
    JobState.NEVER_RAN: "Never ran",
}
_TYPES = {"": "Both types", JobType.TRIGGERED: "Triggered", JobType.CONTINUOUS: "Continuous"}
_ACTIONS = [(action.value, words.verb) for action, words in JOB_WORDS.items()]
_PAGE = Page(
    template="overview",
    title="Jobs",
    section="overview",
    regions=("attention", "acknowledged", "figures", "running", "due", "jobs"),
    events="",
    is_remembered=True,
    path="/",
)


@live
async def show_index(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /`: every job; `?text=`, `?filter=` and `?type=` choose; `?select=1` has check boxes.

    With a fault: what a form of the page could not do.
    """
    given = {name: request.query.get(name, "") for name in ("text", "filter", "type", "after")}
    urls, now = page_urls(request), datetime.now(UTC)
    try:
        wanted = job_filter_of({name: value for name, value in given.items() if value})
        read = await read_overview(request.app, wanted, urls, now)
    except WebJobsError as error:
        return show_fault(request, error, "overview")
    overview = read.json
    select = "1" if is_select_mode(request) else ""

    def address(**changed: str) -> str:
        return page_address(urls.base, **{**given, "after": "", "select": select, **changed})

    view = {
        "attention": [
            attention_line(each, sentence, urls)
            for each, sentence in zip(overview.attention, read.sentences, strict=True)
        ][:_SHOWN_ATTENTION],
        "attention_count": overview.counts.attention,
        "acknowledged": [acknowledged_line(each, urls) for each in overview.acknowledged[:_SHOWN_ATTENTION]],
        "acknowledged_count": overview.counts.acknowledged,
        "terms": CHOICES,
        "back": page_address("", **given),
        "figures": _figures(overview.counts, urls.base),
        "running": [running_line(each, urls) for each in overview.running],
        "due": [(each.at, each.job, urls.triggered_page(each.job)) for each in overview.next_due],
        "lines": [job_line(row, urls) for row in overview.jobs],
        "count": overview.counts.jobs,
        "matching": read.matching,
        "select": select,
        "selection": address(select="" if select else "1", after=given["after"]),
        "given": given,
        "following": address(after=read.after) if read.after else "",
        "filters": [
            (words, address(filter=word), word == given["filter"]) for word, words in _FILTERS.items()
        ],
        "types": [(words, address(type=word), word == given["type"]) for word, words in _TYPES.items()],
        "in_terminal": lambda shell: terminal.of_overview(shell, given),
        "actions": _ACTIONS,
    }
    request.app[TAB].keep(TabState(attention=overview.counts.attention, running=overview.counts.running))
    return show(request, _PAGE, view, fault)


def _figures(counts: CountsJson, base: str) -> list[tuple[str, str, str, bool]]:
    """Words, value and address of each figure, and whether it is an alarm."""
    up, total = counts.continuous_up, counts.continuous_total
    runs = f"{base}/pages/runs?status="
    return [
        ("Running", _count(counts.running), f"{runs}Running", False),
        ("Waiting", _count(counts.waiting), f"{runs}Initializing", False),
        ("Failed in 24 h", _count(counts.failed_24h), f"{runs}Failed", counts.failed_24h > 0),
        ("Continuous up", f"{up}/{total}", page_address(base, type=JobType.CONTINUOUS), up < total),
    ]


def _count(number: int) -> str:
    return f"{number:,}+" if number >= _MOST_COUNTED else f"{number:,}"
