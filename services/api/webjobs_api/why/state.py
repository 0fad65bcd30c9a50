"""Reads what is known of a job at one moment, for the causes that keep it from running."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiohttp import web
from webjobs_events.events import ContinuousPendingRestart
from webjobs_events.job import JobDefinition
from webjobs_events.queries import AllRunsQuery, InstanceView, RunView
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import Concurrency, read_job_settings
from webjobs_rules.schedule import Schedule, schedule_of
from webjobs_rules.status import Status

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.instance_events import changes_since
from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.backends.run_filter import ACTIVE, STATUS_WORDS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS
from webjobs_api.backends.storage import STORAGE
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http.held_back import holding_schedules
from webjobs_api.http.keys import BUS, LIVE_SETTINGS
from webjobs_api.why.causes import JobState, RunnerFacts, waits

_SITE_STOPPED = "WEBJOBS_STOPPED"
_RESTARTS_WITHIN = timedelta(days=2)  # longer than any delay before a restart
_MOST_EVENTS = 200


async def state_of(
    app: web.Application,
    definition: JobDefinition,
    *,
    runs: Sequence[RunView] | None = None,
    instances: Sequence[InstanceView] | None = None,
) -> JobState:
    """What is known of a job now.

    Args:
        app: With the mirrors of this process.
        definition: Of the job, with what is wrong about it.
        runs: The newest of a triggered job, when they are read already; all are read when one of them waits.
        instances: Of a continuous job on the runners alive, when they are read already.

    Raises:
        BusUnavailable: NATS or history does not answer.
        QueryRefused: History cannot answer.
    """
    settings, disks = app[LIVE_SETTINGS], app[STORAGE].disks
    job = definition.job_type, definition.job_name
    preparing = app[RUNNERS].preparing(*job)
    refused = [each.at for each in app[REFUSALS].all() if (each.job_type, each.folder_name) == job]
    state = JobState(
        definition=definition,
        site_stopped_by=_SITE_STOPPED if settings.flag(_SITE_STOPPED) else None,
        schedules_held_by=holding_schedules(settings),
        refused_since=max(refused, default=None),
        runners={
            instance: RunnerFacts(
                slots=slots,
                is_disk_low=bool((disk := disks.get(instance)) and disk.is_low),
                preparing=preparing.get(instance, ()),
            )
            for instance, slots in app[RUNNERS].slots.items()
        },
        deployment=await app[JOB_DEPLOYMENTS].in_progress(*job),
    )
    now = datetime.now(UTC)
    if definition.job_type is JobType.TRIGGERED:
        return await _of_triggered(app, state, runs, now)
    return await _of_continuous(app, state, instances, now)


async def _of_triggered(
    app: web.Application, state: JobState, known: Sequence[RunView] | None, now: datetime
) -> JobState:
    definition = state.definition
    if known is None or any(waits(run) for run in known):
        runs: Sequence[RunView] = await app[RUNS].of_job(definition.job_name)
    else:
        runs = known
    runners = state.runners
    if any(waits(run) for run in runs):
        running = await _running(app)
        runners = {name: replace(runner, running=running[name]) for name, runner in runners.items()}
    concurrency, schedule = _settings(definition, app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE"))
    return replace(
        state,
        runs=runs,
        runners=runners,
        concurrency=concurrency,
        has_schedule=schedule is not None,
        next_due=await asyncio.to_thread(schedule.next_due, now) if schedule else None,
        tick=app[TICKS].last(definition.job_name),
    )


async def _running(app: web.Application) -> Counter[str]:
    """How many runs each runner has."""
    query = AllRunsQuery(statuses=list(STATUS_WORDS[ACTIVE]))
    return Counter(run.instance for run in (await app[HISTORY].all_runs(query)).runs)


def _settings(definition: JobDefinition, site_zone: str | None) -> tuple[Concurrency, Schedule | None]:
    """How many runs of a triggered job there may be, and its schedule, held back or not."""
    try:
        settings = read_job_settings(definition.settings)
        return settings.concurrency, schedule_of(settings, site_zone)
    except WebJobsError:  # the job has an error, which is a cause itself
        return Concurrency(), None


async def _of_continuous(
    app: web.Application, state: JobState, instances: Sequence[InstanceView] | None, now: datetime
) -> JobState:
    name = state.definition.job_name
    if instances is None:
        instances = app[RUNNERS].of_alive((await app[HISTORY].statuses([name])).get(name, []))
    restarts: dict[str, datetime] = {}
    if any(view.status is Status.PENDING_RESTART for view in instances):
        for event in await changes_since(app[BUS], name, now - _RESTARTS_WITHIN, _MOST_EVENTS):
            if isinstance(event, ContinuousPendingRestart):
                restarts[event.instance] = event.at + timedelta(seconds=event.restart_delay_seconds)
    return replace(state, instances=instances, restarts=restarts)
