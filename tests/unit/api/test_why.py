"""Every cause that can keep a job from running, by what is known of it."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from support.definitions import job_definition
from unit.api.overview_facts import NOW, ago, failed, instance, run, tick
from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.backends.known_job import known_job
from webjobs_api.why.causes import CauseCode, JobState, RunnerFacts, causes_of, causes_of_new_job
from webjobs_events.events import TickOutcome
from webjobs_events.heartbeat import PreparingJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import Concurrency
from webjobs_rules.status import Reason, Status

TOMORROW = NOW + timedelta(days=1)
ONE = {"aaaaaa": RunnerFacts(slots=2, running=1)}
FULL = {"aaaaaa": RunnerFacts(slots=2, running=2)}
FREE = RunnerFacts()
LOW = {"aaaaaa": RunnerFacts(slots=2, is_disk_low=True)}
LACKING = instance(Status.PENDING_RESTART, ago(minutes=1), reason=Reason.MISSING_INTERPRETER)
BEGUN = run(Status.INITIALIZING, ago(minutes=1), started_at=None)
PREPARING = PreparingJob(job_type="triggered", job_name="job", since=ago(seconds=50), until=NOW)
NEW_VERSION = PreparingJob(job_type="triggered", job_name="job", since=ago(seconds=9), is_new_version=True)
INSTALLS = {"aaaaaa": RunnerFacts(preparing=[NEW_VERSION, PREPARING])}
DEPLOYS = {"aaaaaa": RunnerFacts(preparing=[NEW_VERSION])}
DEPLOYMENT = JobDeployment(
    id="d1",
    job_type=JobType.TRIGGERED,
    job_name=JobName("job"),
    requested_at=ago(seconds=10),
    requested_by="",
    state=DeploymentState.PREPARING,
    stage="install",
)
WAITING = replace(run(Status.INITIALIZING, ago(minutes=1), started_at=None), instance="")
UP = instance(Status.RUNNING, ago(hours=1))
STANDBY = instance(Status.INACTIVE_INSTANCE, ago(hours=1))
NIGHTLY = {"has_schedule": True, "next_due": TOMORROW}


def state(job_type: JobType = JobType.TRIGGERED, **facts: Any) -> JobState:
    definition = known_job(job_definition(job_type=job_type, **facts.pop("definition", {})))
    return JobState(definition=definition, **{"runners": ONE} | facts)


def continuous(**facts: Any) -> JobState:
    return state(JobType.CONTINUOUS, **facts)


CASES: list[tuple[str, JobState, list[str]]] = [
    ("on request only", state(), ["no_schedule"]),
    ("scheduled", state(**NIGHTLY), ["next_due"]),
    ("never due", state(has_schedule=True), ["never_due"]),
    ("running", state(runs=[run(Status.RUNNING, ago(minutes=1))], **NIGHTLY), ["running", "next_due"]),
    (
        "site stopped",
        state(site_stopped_by="WEBJOBS_STOPPED", schedules_held_by="WEBJOBS_STOPPED", **NIGHTLY),
        ["site_stopped", "next_due"],
    ),
    (
        "schedules disabled",
        state(schedules_held_by="WEBJOBS_DISABLE_SCHEDULE", **NIGHTLY),
        ["schedules_disabled", "next_due"],
    ),
    ("disabled", state(definition={"settings": {"enabled": False}}, **NIGHTLY), ["disabled"]),
    ("faulty settings", state(definition={"settings": {"retry": 0}}), ["refused", "no_schedule"]),
    ("no runner", state(runners={}, **NIGHTLY), ["no_runner", "next_due"]),
    ("full disks", state(runners=LOW, **NIGHTLY), ["disk_low", "next_due"]),
    ("one full disk", state(runners=LOW | {"bbbbbb": RunnerFacts()}, **NIGHTLY), ["next_due"]),
    ("just requested", state(runs=[WAITING]), ["waiting", "no_schedule"]),
    ("no slot", state(runs=[WAITING], runners=FULL), ["no_slot", "no_schedule"]),
    (
        "a slot elsewhere",
        state(runs=[WAITING], runners=FULL | {"b": FREE}),
        ["waiting", "no_schedule"],
    ),
    (
        "queued",
        state(runs=[WAITING, run(Status.RUNNING, ago(minutes=2))]),
        ["running", "queued_behind", "no_schedule"],
    ),
    (
        "beside others, and no slot",
        state(
            runs=[WAITING, run(Status.RUNNING, ago(minutes=2))],
            concurrency=Concurrency(limit=2),
            runners=FULL,
        ),
        ["running", "no_slot", "no_schedule"],
    ),
    (
        "tried again",
        state(
            runs=[
                WAITING,
                failed(ago(minutes=2), next_run_id=WAITING.run_id, next_attempt_at=NOW),
            ]
        ),
        ["back_off", "no_schedule"],
    ),
    ("about to start", state(runs=[BEGUN]), ["starting", "no_schedule"]),
    (
        "its packages are installed",
        state(runs=[BEGUN], runners=INSTALLS),
        ["preparing_dependencies", "preparing_dependencies", "no_schedule"],
    ),
    (
        "a folder with packages was dropped",
        state(runners=DEPLOYS),
        ["preparing_dependencies", "no_schedule"],
    ),
    (
        "packages are deployed",
        state(runners=DEPLOYS, deployment=DEPLOYMENT, runs=[run(Status.RUNNING, ago(minutes=1))]),
        ["running", "preparing_dependencies", "no_schedule"],
    ),
    (
        "files are deployed",
        state(deployment=dataclasses.replace(DEPLOYMENT, stage="unpack")),
        ["no_schedule"],
    ),
    (
        "a process waits for its packages",
        continuous(
            runners=INSTALLS | {"bbbbbb": FREE}, instances=[instance(Status.STARTING, ago(minutes=1))]
        ),
        ["preparing_dependencies", "preparing_dependencies"],
    ),
    (
        "not reported yet, for its packages are installed",
        continuous(runners={"aaaaaa": RunnerFacts(preparing=[PREPARING])}),
        ["preparing_dependencies"],
    ),
    (
        "runs while the packages of its next version are installed",
        continuous(runners={"aaaaaa": RunnerFacts(preparing=[PREPARING])}, instances=[UP]),
        ["running"],
    ),
    (
        "no interpreter",
        state(runs=[failed(ago(minutes=2), reason=Reason.MISSING_INTERPRETER)]),
        ["no_interpreter", "no_schedule"],
    ),
    (
        "no interpreter the time before",
        state(runs=[failed(ago(minutes=1)), failed(ago(minutes=2), reason=Reason.MISSING_INTERPRETER)]),
        ["no_schedule"],
    ),
    (
        "skipped",
        state(tick=tick(TickOutcome.SKIPPED), **NIGHTLY),
        ["due_time_skipped", "next_due"],
    ),
    ("missed", state(tick=tick(TickOutcome.MISSED), **NIGHTLY), ["due_time_missed", "next_due"]),
    ("ran", state(tick=tick(TickOutcome.RAN), **NIGHTLY), ["next_due"]),
    ("runs on two", continuous(instances=[UP, UP]), ["running", "running"]),
    ("stopped", continuous(definition={"disabled": True}), ["stopped"]),
    ("not reported yet", continuous(), ["starting"]),
    ("no runner for ever", continuous(runners={}), ["no_runner"]),
    ("standing by", continuous(instances=[STANDBY]), ["standby"]),
    (
        "runs elsewhere",
        continuous(instances=[UP, STANDBY]),
        ["running"],
    ),
    ("crashes", continuous(instances=[instance(Status.PENDING_RESTART, ago(minutes=1))]), ["back_off"]),
    (
        "lacks a program",
        continuous(instances=[LACKING]),
        ["no_interpreter"],
    ),
]


@pytest.mark.parametrize(("known", "codes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_cause_that_holds_is_listed(known: JobState, codes: list[str]) -> None:
    causes = causes_of(known)
    assert [cause.code.value for cause in causes] == codes
    assert all(cause.text for cause in causes)


def test_every_code_has_a_case() -> None:
    assert {code for _, _, codes in CASES for code in codes} == {code.value for code in CauseCode}


def test_a_wait_says_until_when() -> None:
    restart = NOW + timedelta(seconds=41)
    crashing = instance(Status.PENDING_RESTART, ago(seconds=19))
    (cause,) = causes_of(continuous(instances=[crashing], restarts={crashing.instance: restart}))
    assert (cause.since, cause.until) == (ago(seconds=19), restart)


def test_a_wait_for_packages_says_since_when_and_until_when() -> None:
    cause = causes_of(state(runs=[BEGUN], runners=INSTALLS))[0]
    assert (cause.since, cause.until) == (PREPARING.since, PREPARING.until)
    assert cause.text == f"Run {BEGUN.run_id} waits: runner aaaaaa installs the packages of the job."


def test_the_oldest_waiting_run_is_explained() -> None:
    later = replace(run(Status.INITIALIZING, ago(seconds=1), started_at=None), instance="")
    cause, _ = causes_of(state(runs=[later, WAITING]))
    assert WAITING.run_id in cause.text and cause.since == WAITING.requested_at


def test_a_job_that_is_deployed_for_the_first_time_waits_for_its_packages() -> None:
    (cause,) = causes_of_new_job(DEPLOYMENT, {"aaaaaa": [NEW_VERSION]})
    assert (cause.code, cause.since) == (CauseCode.PREPARING_DEPENDENCIES, DEPLOYMENT.requested_at)
    assert "deployment d1 are being prepared" in cause.text and "There is no job of this name" in cause.text
    (cause,) = causes_of_new_job(None, {"aaaaaa": [NEW_VERSION, PREPARING]})
    assert cause.text.startswith("Runner aaaaaa prepares the packages of new files.")
    for deployment in (None, dataclasses.replace(DEPLOYMENT, state=DeploymentState.QUEUED, stage="")):
        assert causes_of_new_job(deployment, {}) == []
