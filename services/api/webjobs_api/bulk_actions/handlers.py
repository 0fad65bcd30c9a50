"""The handler for an action on many jobs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.commands import PatchJobSettings, StartContinuousJob, StopContinuousJob
from webjobs_events.job import JobDefinition
from webjobs_events.queries import RunView
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType, parse_job_name

from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.run_filter import ACTIVE, MAX_RUNS, STATUS_WORDS, RunFilter
from webjobs_api.backends.runs import RUNS
from webjobs_api.bulk_actions.each import failures_of_each
from webjobs_api.bulk_actions.errors import NoRunToCancel, NotForContinuousJobs
from webjobs_api.bulk_actions.request import (
    MAX_BODY_BYTES,
    Action,
    BulkAction,
    NamedJob,
    bulk_action_of,
    check_matching,
)
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.problems import with_problems
from webjobs_api.http.run_errors import RunHasEnded
from webjobs_api.http.tracing import trace_of
from webjobs_api.jobs import continuous
from webjobs_api.jobs.commands import COMMANDS, command_from
from webjobs_api.overview.acknowledge import acknowledge, state_of
from webjobs_api.overview.acknowledge_request import terms_of
from webjobs_api.overview.read import jobs_that_pass
from webjobs_api.runs.cancel_requests import cancel
from webjobs_api.runs.start import INVOCATIONS, RunRequest

PATH = "/api/jobs/actions"

ActiveRuns = Mapping[JobName, Sequence[RunView]]


class FailureJson(msgspec.Struct, frozen=True):
    """A job to which the action was not done.

    Attributes:
        job: Its name.
        type: Triggered or continuous.
        status: Of the answer that the route of the one job would give.
        error: A sentence that says why.
    """

    job: str
    type: JobType
    status: int
    error: str


class BulkResultJson(msgspec.Struct, frozen=True):
    """What became of an action on many jobs.

    Attributes:
        done: To so many jobs it was done.
        failures: The others, in the order of the request.
    """

    done: int
    failures: list[FailureJson]


@with_problems
async def act_on_jobs(request: web.Request) -> web.Response:
    """`POST /api/jobs/actions`: each job as by its own route."""
    asked = bulk_action_of(await body_of(request))
    return request_context.json(await do_to_jobs(request, asked, await jobs_of(request, asked)))


async def body_of(request: web.Request) -> bytes:
    """The body of a request.

    Raises:
        UploadTooLarge: It is longer than any that could be meant.
    """
    return await request_context.read_body(request, MAX_BODY_BYTES)


async def jobs_of(request: web.Request, asked: BulkAction) -> Sequence[NamedJob]:
    """The jobs that an action is about: those that are named, or pass the filter now.

    Raises:
        TooManyAtOnce: More pass than one request may be about.
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    if asked.jobs is not None:
        return asked.jobs
    passing = await jobs_that_pass(request.app, asked.filter, datetime.now(UTC))
    check_matching(passing, "jobs")
    return [NamedJob(each.job_type, each.job_name) for each in passing]


async def do_to_jobs(request: web.Request, asked: BulkAction, jobs: Sequence[NamedJob]) -> BulkResultJson:
    """Do an action to jobs; the failure of one does not stop the rest.

    Raises:
        InvalidAcknowledgement: It acknowledges until what is no time to come.
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    now = datetime.now(UTC)
    terms = terms_of(asked.until, asked.note, now)
    active = await _active_runs(request, jobs) if asked.action is Action.CANCEL else {}
    state = await state_of(request.app, now) if asked.action is Action.ACKNOWLEDGE else None

    async def act(job: NamedJob) -> None:
        if state is not None:
            await acknowledge(request, state, job.type, job.name, terms, now)
        else:
            await _act(request, asked.action, job, active)

    def failure(job: NamedJob, status: int, error: str) -> FailureJson:
        return FailureJson(job.name, job.type, status, error)

    failures = await failures_of_each(request, jobs, act, failure)
    return BulkResultJson(len(jobs) - len(failures), failures)


async def _act(request: web.Request, action: Action, job: NamedJob, active: ActiveRuns) -> None:
    definition = await request.app[DEFINITIONS].get(job.type, parse_job_name(job.name))
    if action in (Action.RUN, Action.CANCEL) and definition.job_type is JobType.CONTINUOUS:
        raise NotForContinuousJobs(definition.job_name, action)
    if action is Action.RUN:
        by = request_context.trigger(request)
        asked = RunRequest(definition, None, by, trace_of(request))
        await request.app[INVOCATIONS].start(asked, datetime.now(UTC))
    elif action is Action.CANCEL:
        await _cancel(request, definition, active.get(definition.job_name, ()))
    else:
        await _enable(request, definition, enable=action is Action.ENABLE)


async def _cancel(request: web.Request, definition: JobDefinition, runs: Sequence[RunView]) -> None:
    if not runs:
        raise NoRunToCancel(definition.job_name)
    by, now = request_context.trigger(request), datetime.now(UTC)
    for run in runs:
        with suppress(RunHasEnded):
            await cancel(request.app[BUS], run, by, now)


async def _enable(request: web.Request, definition: JobDefinition, *, enable: bool) -> None:
    """Continuous jobs are started and stopped; triggered ones are enabled by their settings."""
    if definition.job_type is JobType.CONTINUOUS:
        command_type = StartContinuousJob if enable else StopContinuousJob
        await continuous.change_state_of(request, definition, command_type)
        return
    require_readable(definition)
    patch = {"enabled": None if enable else False}
    command = command_from(request, PatchJobSettings, definition.job_type, definition.job_name, patch=patch)
    await request.app[COMMANDS].send(command)


async def _active_runs(request: web.Request, jobs: Sequence[NamedJob]) -> ActiveRuns:
    """The runs of these jobs that have not ended, as they are known by the names of their definitions."""
    names: set[JobName] = set()
    for job in jobs:
        if job.type is JobType.TRIGGERED:
            with suppress(WebJobsError):  # which is reported for its job
                known = await request.app[DEFINITIONS].find(job.type, parse_job_name(job.name))
                names |= {known.job_name} if known else set()
    runs: dict[JobName, list[RunView]] = defaultdict(list)
    wanted = RunFilter(statuses=frozenset(STATUS_WORDS[ACTIVE]), job_names=frozenset(names), limit=MAX_RUNS)
    while names:
        page = await request.app[RUNS].of_all(wanted)
        for run in page.runs:
            runs[run.job_name].append(run)
        if page.next is None:
            break
        wanted = replace(wanted, before=page.next)
    return runs
