"""The page of a triggered job: `GET /pages/triggered/{job}`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.queries import RunView
from webjobs_rules.amounts import ordinal
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.status import Status, is_terminal

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.requests import Page as RunsPage
from webjobs_api.http.urls import Urls, quoted
from webjobs_api.http.viewer import visible
from webjobs_api.pages import terminal
from webjobs_api.pages.bars import Result, bars_of
from webjobs_api.pages.file_list import REGION, files_view
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.job_view import job_view, unusual
from webjobs_api.pages.page import Page
from webjobs_api.pages.run_rows import run_row, usual, version_note, why
from webjobs_api.pages.versions import REGIONS, restorable, versions_view
from webjobs_api.schedules.handlers import schedule_of_job
from webjobs_api.schedules.preview import ScheduleJson
from webjobs_api.why.causes import causes_of
from webjobs_api.why.state import state_of
from webjobs_api.wording.sentence import Sentence

_BARS = 50
_RUNS = 50
_DUE_TIMES = 3


@live
async def show_triggered_job(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/triggered/{job}`: one job; `fault`: what a button could not do."""
    try:
        definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
        runs = await request.app[RUNS].of_job(definition.job_name, RunsPage(limit=_RUNS))
        schedule = await schedule_of_job(request, definition, _DUE_TIMES)
        versions = await versions_view(request, definition)
        files = await files_view(request, definition)
        causes = unusual(causes_of(await state_of(request.app, definition, runs=runs)))
    except WebJobsError as error:
        return show_fault(request, fault or error)
    urls, now = page_urls(request), datetime.now(UTC)
    view = {
        "job": job_view(visible(request, definition), urls),
        "runs": [run_row(run, urls, now, version_note(run, before)) for run, before in _with_before(runs)],
        "causes": causes,
        "headline": headline(runs),
        "bars": bars_of([_result(run) for run in reversed(runs[:_BARS]) if is_terminal(run.status)], _BARS),
        "usual": usual(runs),
        "schedule": schedule,
        "clock_changes": _clock_changes(schedule),
        "due": [datetime.fromisoformat(each.due) for each in schedule.next],
        "ticks": [(tick, datetime.fromisoformat(tick.due)) for tick in schedule.last],
        "arguments": list(dict.fromkeys(run.arguments for run in runs if run.arguments))[:10],
        "in_terminal": lambda shell: terminal.of_triggered_job(
            shell, definition.job_name, restorable(versions)
        ),
        "last_arguments": next((run.arguments for run in runs if run.arguments), ""),
        **versions,
        **files,
    }
    page = Page(
        template="triggered",
        title=definition.job_name,
        section="overview",
        regions=("head", "runs", "schedule", REGION, *REGIONS),
        events=f"type=triggered&job={quoted(definition.job_name)}",
        is_remembered=True,
        job_zone=schedule.time_zone,
        path=Urls("").triggered_page(definition.job_name),
    )
    return show(request, page, view, fault)


def headline(runs: Sequence[RunView]) -> Sentence:
    """What became of the latest run, as a sentence.

    Args:
        runs: Of the job, newest first; all of them are looked at for the last success.
    """
    if not runs:
        return Sentence("It never ran.")
    latest, ended = runs[0], [run for run in runs if is_terminal(run.status)]
    if latest.status is Status.RUNNING:
        return Sentence("Running since ", latest.started_at or latest.requested_at, ".")
    if not is_terminal(latest.status):
        return Sentence("A run waits for its start.")
    when = latest.ended_at or latest.requested_at
    if latest.status is not Status.FAILED:
        return Sentence(f"{latest.status.value} ", when, ".")
    streak = next((place for place, run in enumerate(ended) if run.status is not Status.FAILED), len(ended))
    success = next((run for run in ended if run.status is Status.SUCCESS), None)
    facts = [why(latest).removesuffix(".") or "no reason known"]
    if streak > 1:
        facts.append(f"{ordinal(streak)} time in a row")
    since = ("; last success ", success.ended_at) if success and success.ended_at else ()
    return Sentence("Failed ", when, f": {', '.join(facts)}", *since, ".")


def _clock_changes(schedule: ScheduleJson) -> list[str]:
    """What the clocks do to the due times that are shown, and next to the schedule, in words; each once."""
    changes = [*(due.clock_change for due in schedule.next), schedule.clock_change]
    return list(dict.fromkeys(change.words for change in changes if change is not None))


def _with_before(runs: Sequence[RunView]) -> Iterator[tuple[RunView, RunView | None]]:
    """Each run with the one before it; None when that is not known."""
    return zip(runs, [*runs[1:], None], strict=False)


def _result(run: RunView) -> Result:
    began = run.started_at or run.requested_at
    return Result(run.status, (run.ended_at - began).total_seconds() if run.ended_at else 0.0)
