"""Decides why a job does not run, or does not run yet: causes from a closed list; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.heartbeat import PreparingJob
from webjobs_events.instant import Instant
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, RunView
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import Concurrency
from webjobs_rules.status import Reason, Status, is_terminal

from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.backends.known_job import error_of


class CauseCode(StrEnum):
    """Why a job does not run. Values are never renamed; a later release may add one."""

    RUNNING = "running"
    """It runs."""
    SITE_STOPPED = "site_stopped"
    """A setting of the site keeps every job from running."""
    DISABLED = "disabled"
    """Its own settings keep it from running."""
    STOPPED = "stopped"
    """A continuous job was stopped by request."""
    REFUSED = "refused"
    """Its newest files or settings were refused, or its definition cannot be read."""
    NO_RUNNER = "no_runner"
    """No runner is alive."""
    DISK_LOW = "disk_low"
    """Every runner that is alive keeps the rest of its disk for runs in progress."""
    NO_SLOT = "no_slot"
    """A run waits, and every runner has as many runs as it may have."""
    QUEUED_BEHIND = "queued_behind"
    """A run waits for other runs of the same job."""
    WAITING = "waiting"
    """A run was requested and has not begun yet."""
    NO_INTERPRETER = "no_interpreter"
    """The last start failed: the runner lacks the program that runs the script."""
    BACK_OFF = "back_off"
    """It waits before it is tried or started again."""
    STANDBY = "standby"
    """A singleton waits on every runner that is alive."""
    PREPARING_DEPENDENCIES = "preparing_dependencies"
    """A runner installs the packages that its files declare, or those of files that are being deployed."""
    STARTING = "starting"
    """A run or a continuous job is about to begin, or no runner has reported the continuous job yet."""
    SCHEDULES_DISABLED = "schedules_disabled"
    """A setting of the site keeps schedules from starting runs."""
    DUE_TIME_SKIPPED = "due_time_skipped"
    """At the last due time no run was requested."""
    DUE_TIME_MISSED = "due_time_missed"
    """The last due time passed while no runner could act, and no run stands for it."""
    NEXT_DUE = "next_due"
    """Its next due time has not come."""
    NEVER_DUE = "never_due"
    """Its schedule has no due time in the next fifty years."""
    NO_SCHEDULE = "no_schedule"
    """It has no schedule: it runs on request only."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One cause.

    Attributes:
        code: From the closed list.
        text: A sentence with the facts.
        since: When it began; null when that is unknown.
        until: When it ends by itself; null when it does not, or that is unknown.
        remedy: What to do; null when there is nothing to do but wait.
    """

    code: CauseCode
    text: str
    since: Instant | None = None
    until: Instant | None = None
    remedy: str | None = None


_DEFAULT_CONCURRENCY = Concurrency()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFacts:
    """A runner that is alive.

    Attributes:
        slots: Runs it may have at once; None when it does not say.
        running: Runs it has.
        is_disk_low: Whether it takes no new runs for want of disk space.
        preparing: Preparations of the job's packages that go on there.
    """

    slots: int | None = None
    running: int = 0
    is_disk_low: bool = False
    preparing: Sequence[PreparingJob] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What is known of a job at one moment.

    Attributes:
        definition: With what is wrong about the job.
        site_stopped_by: Setting that keeps every job from running; None without one.
        schedules_held_by: Setting that keeps schedules from starting runs; None without one.
        refused_since: When its files or settings were refused; None when unknown.
        runners: Those alive, by instance id.
        runs: Of a triggered job, newest first, those that wait included.
        concurrency: Of a triggered job.
        has_schedule: Whether it has one.
        next_due: Its next due time; None without one in fifty years.
        tick: The outcome of its last due time; None without any.
        instances: A continuous job on the runners alive.
        restarts: When it is started again, by instance id.
        deployment: The one in progress; None without one.
    """

    definition: JobDefinition
    site_stopped_by: str | None = None
    schedules_held_by: str | None = None
    refused_since: datetime | None = None
    runners: Mapping[str, RunnerFacts] = field(default_factory=dict)
    runs: Sequence[RunView] = ()
    concurrency: Concurrency = _DEFAULT_CONCURRENCY
    has_schedule: bool = False
    next_due: datetime | None = None
    tick: ScheduleTicked | None = None
    instances: Sequence[InstanceView] = ()
    restarts: Mapping[str, datetime] = field(default_factory=dict)
    deployment: JobDeployment | None = None


def causes_of(state: JobState) -> list[Cause]:
    """Every cause that holds, the one to look at first in front; never empty."""
    of_type = _triggered if state.definition.job_type is JobType.TRIGGERED else _continuous
    return [*_of_any_job(state), *of_type(state)]


def waits(run: RunView) -> bool:
    """Whether a run was requested and no runner has begun it."""
    return not is_terminal(run.status) and not run.instance


def _of_any_job(state: JobState) -> Iterator[Cause]:
    definition = state.definition
    if state.site_stopped_by:
        yield Cause(
            code=CauseCode.SITE_STOPPED,
            text=f"The app setting {state.site_stopped_by} keeps every job from running.",
            remedy=f"Remove the app setting {state.site_stopped_by}.",
        )
    if definition.settings.get("enabled") is False:
        yield Cause(
            code=CauseCode.DISABLED,
            text="enabled is false in settings.job.",
            remedy="Set enabled to true in the settings of the job.",
        )
    if (error := error_of(definition)) is not None:
        yield Cause(
            code=CauseCode.REFUSED,
            text=error,
            since=state.refused_since,
            remedy="Correct what the sentence names, and deploy again.",
        )
    if not state.runners:
        yield Cause(
            code=CauseCode.NO_RUNNER,
            text="No runner is alive.",
            remedy="Start a runner, and read its log if it does not stay alive.",
        )
    elif all(runner.is_disk_low for runner in state.runners.values()):
        yield Cause(
            code=CauseCode.DISK_LOW,
            text="Every runner has less disk space left than its reserve, and starts no runs.",
            remedy="Free disk space on the runners. They go on by themselves.",
        )


def _triggered(state: JobState) -> Iterator[Cause]:
    begun = [run for run in state.runs if not is_terminal(run.status) and run.instance]
    waiting = [run for run in state.runs if waits(run)]
    for run in begun:
        yield _of_begun(state, run)
    if waiting:
        yield _of_waiting(state, begun, waiting[-1])
    yield from _of_new_version(state)
    ended = next((run for run in state.runs if is_terminal(run.status)), None)
    if ended is not None and not begun and not waiting and ended.reason is Reason.MISSING_INTERPRETER:
        yield _no_interpreter(ended.evidence, ended.ended_at)
    yield from _of_schedule(state)


def _of_begun(state: JobState, run: RunView) -> Cause:
    """That a run goes on, or for what it waits on its runner."""
    if run.status is not Status.INITIALIZING:
        text = f"Run {run.run_id} runs on {run.instance}."
        return Cause(code=CauseCode.RUNNING, text=text, since=run.started_at)
    preparing = preparing_on(state.runners, run.instance)
    if preparing is not None:
        return _of_preparing(f"Run {run.run_id} waits", run.instance, preparing)
    text = f"Run {run.run_id} is about to start on {run.instance}."
    return Cause(code=CauseCode.STARTING, text=text, since=run.requested_at)


def preparing_on(runners: Mapping[str, RunnerFacts], instance: str) -> PreparingJob | None:
    """The preparation of the packages of the job's present version on a runner; None without one."""
    runner = runners.get(instance)
    return next((each for each in runner.preparing if not each.is_new_version), None) if runner else None


def _of_preparing(waits: str, instance: str, preparing: PreparingJob) -> Cause:
    return Cause(
        code=CauseCode.PREPARING_DEPENDENCIES,
        text=f"{waits}: runner {instance} installs the packages of the job.",
        since=preparing.since,
        until=preparing.until,
    )


_STAGES = frozenset(stage.value for stage in PreparationStage)


def _of_new_version(state: JobState) -> Iterator[Cause]:
    preparing = {instance: runner.preparing for instance, runner in state.runners.items()}
    return _of_new_files(state.deployment, preparing, "The job goes on as it is until then.")


def causes_of_new_job(
    deployment: JobDeployment | None, preparing: Mapping[str, Sequence[PreparingJob]]
) -> list[Cause]:
    """Why there is no job yet, of one whose first files are being deployed; empty when that is not so.

    Args:
        deployment: The one of this job in progress.
        preparing: Preparations of its packages that go on, by the runner that performs them.
    """
    return list(_of_new_files(deployment, preparing, "There is no job of this name until then."))


def _of_new_files(
    deployment: JobDeployment | None, preparing: Mapping[str, Sequence[PreparingJob]], until_then: str
) -> Iterator[Cause]:
    """That the packages of files which are being deployed are installed."""
    if deployment is not None:
        if deployment.state is DeploymentState.PREPARING and deployment.stage in _STAGES:
            yield Cause(
                code=CauseCode.PREPARING_DEPENDENCIES,
                text=f"The packages of deployment {deployment.id} are being prepared (stage "
                f"{deployment.stage}). {until_then}",
                since=deployment.requested_at,
            )
        return
    for instance, jobs in preparing.items():
        for each in jobs:
            if each.is_new_version:  # of a folder that was dropped: no command deploys it
                yield Cause(
                    code=CauseCode.PREPARING_DEPENDENCIES,
                    text=f"Runner {instance} prepares the packages of new files. {until_then}",
                    since=each.since,
                )


def _of_waiting(state: JobState, begun: Sequence[RunView], run: RunView) -> Cause:
    """Why the oldest waiting run has not begun."""
    at_once = state.concurrency.at_once
    if at_once is not None and len(begun) >= at_once:
        return Cause(
            code=CauseCode.QUEUED_BEHIND,
            text=f"Run {run.run_id} waits for run {begun[-1].run_id}: the job may run {at_once} at a time.",
            since=run.requested_at,
            remedy="Wait, cancel the run before it, or raise concurrency.limit in the settings of the job.",
        )
    before = next((each for each in state.runs if each.next_run_id == run.run_id), None)
    if before is not None and before.next_attempt_at is not None:
        return Cause(
            code=CauseCode.BACK_OFF,
            text=f"Attempt {run.attempt} waits: the attempt before it has failed.",
            since=before.ended_at,
            until=before.next_attempt_at,
        )
    if state.runners and all(
        runner.slots is not None and runner.running >= runner.slots for runner in state.runners.values()
    ):
        return Cause(
            code=CauseCode.NO_SLOT,
            text=f"Run {run.run_id} waits: every runner has as many runs as it may have.",
            since=run.requested_at,
            remedy="Wait, add runners, or raise WEBJOBS_SLOTS of the runners.",
        )
    return Cause(
        code=CauseCode.WAITING,
        text=f"Run {run.run_id} was requested and has not begun yet.",
        since=run.requested_at,
    )


def _of_schedule(state: JobState) -> Iterator[Cause]:
    if state.definition.settings.get("enabled") is False:
        return
    if not state.has_schedule:
        yield Cause(
            code=CauseCode.NO_SCHEDULE,
            text="The job has no schedule: it runs on request only.",
            remedy="Set schedule in the settings of the job, or request a run.",
        )
        return
    held_by = state.schedules_held_by
    if held_by and held_by != state.site_stopped_by:
        yield Cause(
            code=CauseCode.SCHEDULES_DISABLED,
            text=f"The app setting {held_by} keeps schedules from starting runs.",
            remedy=f"Remove the app setting {held_by}.",
        )
    if state.tick is not None and (verb := _TICKS.get(state.tick.outcome)):
        yield _of_tick(state.tick, *verb)
    if state.next_due is None:
        yield Cause(
            code=CauseCode.NEVER_DUE,
            text="The schedule has no due time in the next fifty years.",
            remedy="Correct schedule in the settings of the job.",
        )
    else:
        yield Cause(code=CauseCode.NEXT_DUE, text="The next due time has not come yet.", until=state.next_due)


_TICKS = {
    TickOutcome.SKIPPED: (CauseCode.DUE_TIME_SKIPPED, "skipped"),
    TickOutcome.MISSED: (CauseCode.DUE_TIME_MISSED, "missed"),
}


def _of_tick(tick: ScheduleTicked, code: CauseCode, verb: str) -> Cause:
    what = "The last due time was" if tick.count == 1 else f"The last {tick.count} due times were"
    return Cause(
        code=code,
        text=f"{what} {verb}. {tick.reason}".rstrip(),
        since=tick.due,
        remedy="Set missed.policy to once or all in the settings of the job, so that a run stands for them."
        if code is CauseCode.DUE_TIME_MISSED
        else None,
    )


def _continuous(state: JobState) -> Iterator[Cause]:
    running = [view for view in state.instances if view.status is Status.RUNNING]
    if state.definition.disabled:
        text = "The job was stopped by request."
        yield Cause(code=CauseCode.STOPPED, text=text, remedy="Start the job.")
    yield from _of_new_version(state)
    if state.definition.is_stopped:
        return
    for view in running:
        yield Cause(code=CauseCode.RUNNING, text=f"It runs on {view.instance}.", since=view.since)
    for view in state.instances:
        if view.reason is Reason.MISSING_INTERPRETER and view.status is not Status.RUNNING:
            yield _no_interpreter(view.evidence, view.since)
        elif view.status is Status.PENDING_RESTART:
            ended = f"Its process on {view.instance} has ended and is started again."
            yield Cause(
                code=CauseCode.BACK_OFF,
                text=f"{ended} {view.evidence}".rstrip(),
                since=view.since,
                until=state.restarts.get(view.instance),
                remedy="Read the last lines of its log. To start it at once, restart the job.",
            )
    standing_by = [view for view in state.instances if view.status is Status.INACTIVE_INSTANCE]
    if standing_by and len(standing_by) == len(state.instances):
        yield Cause(
            code=CauseCode.STANDBY,
            text="The job is a singleton, and every runner alive stands by: the lease of the last one has "
            "not expired yet.",
            since=max(view.since for view in standing_by),
        )
    preparing = {
        instance: found
        for instance in state.runners
        if instance not in {view.instance for view in state.instances if view.status not in _BEGINNING}
        and (found := preparing_on(state.runners, instance)) is not None
    }
    for instance, found in preparing.items():
        yield _of_preparing(f"Its start on {instance} waits", instance, found)
    if state.runners and not preparing and all(view.status in _BEGINNING for view in state.instances):
        yield Cause(code=CauseCode.STARTING, text="The runners are about to start the job.")


_BEGINNING = (Status.INITIALIZING, Status.STARTING)


def _no_interpreter(evidence: str, since: datetime | None) -> Cause:
    return Cause(
        code=CauseCode.NO_INTERPRETER,
        text=evidence or "The runner lacks the program that runs the script.",
        since=since,
        remedy="Install the program on the runner, or deploy a script that another program runs.",
    )
