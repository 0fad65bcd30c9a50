"""The handler for an action on many runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.queries import RunView
from webjobs_rules.job import JobType, parse_job_name

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.run_filter import MAX_RUNS
from webjobs_api.backends.runs import RUNS
from webjobs_api.bulk_actions.each import failures_of_each
from webjobs_api.bulk_actions.handlers import body_of
from webjobs_api.bulk_actions.request import check_matching
from webjobs_api.bulk_actions.run_request import BulkRunAction, NamedRun, RunAction, bulk_run_action_of
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import run_of
from webjobs_api.http.problems import with_problems
from webjobs_api.http.tracing import trace_of
from webjobs_api.runs.all_runs import of_defined_jobs
from webjobs_api.runs.cancel_requests import cancel
from webjobs_api.runs.start import INVOCATIONS, RunRequest

PATH = "/api/runs/actions"


class RunFailureJson(msgspec.Struct, frozen=True):
    """A run to which the action was not done.

    Attributes:
        job: Name of its job.
        id: Of the run.
        status: Of the answer that the route of the one run would give.
        error: A sentence that says why.
    """

    job: str
    id: str
    status: int
    error: str


class BulkRunResultJson(msgspec.Struct, frozen=True):
    """What became of an action on many runs.

    Attributes:
        done: To so many runs it was done.
        failures: The others, in the order of the request.
    """

    done: int
    failures: list[RunFailureJson]


@with_problems
async def act_on_runs(request: web.Request) -> web.Response:
    """`POST /api/runs/actions`: each run as by its own route."""
    asked = bulk_run_action_of(await body_of(request))
    return request_context.json(await do_to_runs(request, asked.action, await runs_of(request, asked)))


async def runs_of(request: web.Request, asked: BulkRunAction) -> Sequence[NamedRun | RunView]:
    """The runs that an action is about: those that are named, or pass the filter now, newest first.

    Raises:
        TooManyAtOnce: More pass than one request may be about.
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    if asked.runs is not None:
        return asked.runs
    found: list[RunView] = []
    wanted = asked.filter and of_defined_jobs(request.app[DEFINITIONS], replace(asked.filter, limit=MAX_RUNS))
    while wanted is not None:
        page = await request.app[RUNS].of_all(wanted)
        found += page.runs
        check_matching(found, "runs")
        wanted = replace(wanted, before=page.next) if page.next else None
    return found


async def do_to_runs(
    request: web.Request, action: RunAction, runs: Sequence[NamedRun | RunView]
) -> BulkRunResultJson:
    """Do an action to runs; the failure of one does not stop the rest."""

    async def act(run: NamedRun | RunView) -> None:
        await _act(request, action, run)

    def failure(run: NamedRun | RunView, status: int, error: str) -> RunFailureJson:
        return RunFailureJson(*key_of(run), status, error)

    failures = await failures_of_each(request, runs, act, failure)
    return BulkRunResultJson(len(runs) - len(failures), failures)


async def _act(request: web.Request, action: RunAction, asked: NamedRun | RunView) -> None:
    name, run_id = key_of(asked)
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, parse_job_name(name))
    run = asked if isinstance(asked, RunView) else await run_of(request, definition.job_name, run_id)
    by, now = request_context.trigger(request), datetime.now(UTC)
    if action is RunAction.CANCEL:
        await cancel(request.app[BUS], run, by, now)
        return
    again = RunRequest(definition, run.arguments, by, trace_of(request), rerun_of=run.run_id)
    await request.app[INVOCATIONS].start(again, now)


def key_of(run: NamedRun | RunView) -> tuple[str, str]:
    """Name of the job and id of a run."""
    return (run.job_name, run.run_id) if isinstance(run, RunView) else (run.job, run.id)
