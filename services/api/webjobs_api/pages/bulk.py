"""Actions on many jobs or runs by the form of their list: a question with the number, then the outcome."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web
from webjobs_events.events import Term
from webjobs_rules.errors import WebJobsError
from webjobs_rules.schedule import known_zone

from webjobs_api.bulk_actions import handlers, run_handlers
from webjobs_api.bulk_actions.request import MAX_NAMED, Action
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.overview.acknowledge_request import CHOICES, until_of
from webjobs_api.pages import bulk_form
from webjobs_api.pages.bulk_form import Fields
from webjobs_api.pages.bulk_view import (
    JOB_WORDS,
    RUN_WORDS,
    ActionWords,
    Failure,
    FormFields,
    Link,
    Outcome,
    Question,
    command_line,
    outcome,
    question,
)
from webjobs_api.pages.errors import NothingChosen, NumberChanged
from webjobs_api.pages.form_fields import form_lists
from webjobs_api.pages.frame import page_urls, show
from webjobs_api.pages.page import Page

JOBS_PATH = "/pages/jobs/actions"
RUNS_PATH = "/pages/runs/actions"


@dataclass(frozen=True, slots=True)
class _List:
    """A list whose rows are checked.

    Attributes:
        page: Which shows the question and the outcome; its path is that of the list.
        action: Where the form is sent.
        what: A row is a `job` or a `run`.
        field: Has what is checked.
        filters: Of the list.
    """

    page: Page
    action: str
    what: str
    field: str
    filters: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An action, the fields that ask for it, what it is about, and how it is done."""

    words: ActionWords
    fields: Fields
    links: Sequence[Link]
    command: str
    do: Callable[[], Awaitable[Sequence[Failure]]]


_JOBS = _List(
    Page(template="bulk", title="Jobs", section="overview", path="/"),
    JOBS_PATH,
    "job",
    bulk_form.JOB,
    bulk_form.JOB_FILTERS,
)
_RUNS = _List(
    Page(template="bulk", title="Runs", section="runs", path="/pages/runs"),
    RUNS_PATH,
    "run",
    bulk_form.RUN,
    bulk_form.RUN_FILTERS,
)


async def act_on_jobs(request: web.Request) -> web.Response:
    """`POST /pages/jobs/actions`."""
    return await _ask_or_do(request, _JOBS, _asked_of_jobs)


async def act_on_runs(request: web.Request) -> web.Response:
    """`POST /pages/runs/actions`."""
    return await _ask_or_do(request, _RUNS, _asked_of_runs)


async def _ask_or_do(
    request: web.Request, of: _List, read: Callable[[web.Request, Fields], Awaitable[_Asked]]
) -> web.Response:
    """Do the action when the form confirms the number that it is about now; ask otherwise."""
    fields: Fields = {}
    try:
        fields = await form_lists(request)
        count = bulk_form.confirmed_count(fields)
        asked = await read(request, fields)
        now = len(asked.links)
        if not now:
            raise NothingChosen(of.what)
        if count == now:
            failures = await asked.do()
            view = outcome(asked.words, of.what, now, failures, _again(of, fields, failures))
            return _show(request, of, fields, view)
    except WebJobsError as error:
        return _show(request, of, fields, None, error)
    changed = None if count is None else NumberChanged(of.what, count, now)
    asks = question(asked.words, of.what, _kept(of, asked.fields), asked.links, asked.command)
    return _show(request, of, fields, asks, changed)


async def _asked_of_jobs(request: web.Request, fields: Fields) -> _Asked:
    asked, urls = bulk_form.job_action_of(fields), page_urls(request)
    if asked.action is Action.ACKNOWLEDGE:
        zone = ZoneInfo(known_zone(request.app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")))
        until = until_of(bulk_form.last(fields, "until") or Term.CHANGE, datetime.now(UTC), zone)
        asked = replace(asked, until=until, note=bulk_form.last(fields, "note"))
    jobs = await handlers.jobs_of(request, asked)

    async def do() -> list[Failure]:
        result = await handlers.do_to_jobs(request, asked, jobs)
        return [
            Failure(each.job, urls.page(each.type, each.job), each.error, f"{each.type.value}/{each.job}")
            for each in result.failures
        ]

    chosen = {name: bulk_form.last(fields, name) for name in bulk_form.JOB_FILTERS}
    return _Asked(
        JOB_WORDS[asked.action],
        fields,
        [(each.name, urls.page(each.type, each.name)) for each in jobs],
        command_line(f"{urls.base}{handlers.PATH}", asked.action, "jobs", asked.jobs, chosen),
        do,
    )


async def _asked_of_runs(request: web.Request, fields: Fields) -> _Asked:
    fields = {"asked": [datetime.now(UTC).isoformat()], **fields}
    # Of all runs those are meant that were requested before the question.
    filters = {"until": fields["asked"], **bulk_form.run_filters(fields)}
    asked, urls = bulk_form.run_action_of({**fields, **filters}), page_urls(request)
    runs = await run_handlers.runs_of(request, asked)

    async def do() -> list[Failure]:
        result = await run_handlers.do_to_runs(request, asked.action, runs)
        return [
            Failure(
                f"{each.job} {each.id}", urls.run_page(each.job, each.id), each.error, f"{each.id}/{each.job}"
            )
            for each in result.failures
        ]

    keys = [run_handlers.key_of(each) for each in runs]
    return _Asked(
        RUN_WORDS[asked.action],
        fields,
        [(f"{job} {run_id}", urls.run_page(job, run_id)) for job, run_id in keys],
        command_line(f"{urls.base}{run_handlers.PATH}", asked.action, "runs", asked.runs, filters),
        do,
    )


def _kept(of: _List, fields: Fields) -> FormFields:
    """What a question sends once more: the action, and either the filter or what is checked."""
    about = ("all", "asked") if bulk_form.last(fields, "all") else (of.field,)
    names = ("action", *about, *of.filters)
    return [(name, value) for name in names for value in dict.fromkeys(fields.get(name, ())) if value]


def _again(of: _List, fields: Fields, failures: Sequence[Failure]) -> FormFields:
    """What asks for the failures alone; empty when they are too many to be named."""
    if not 0 < len(failures) <= MAX_NAMED:
        return []
    return _kept(of, {**fields, "all": [], of.field: [each.value for each in failures]})


def _show(
    request: web.Request,
    of: _List,
    fields: Fields,
    view: Question | Outcome | None,
    fault: WebJobsError | None = None,
) -> web.Response:
    page = replace(of.page, title=view.title) if view else of.page
    chosen = {name: fields[name] for name in of.filters if any(fields.get(name, ()))}
    root = page_urls(request).base
    context = {
        "view": view,
        "asks": isinstance(view, Question),
        "terms": CHOICES if ("action", Action.ACKNOWLEDGE) in getattr(view, "fields", ()) else {},
        "action": f"{root}{of.action}",
        "back": f"{root}{of.page.path}?{urlencode({**chosen, 'select': '1'}, doseq=True)}",
    }
    return show(request, page, context, fault)
