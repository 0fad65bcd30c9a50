"""What each stored sample means: the messages that were written when the sample was taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from webjobs_events.commands import (
    AnyCommand,
    ChangeJobSettings,
    DeleteJob,
    DeployJob,
    ImportRuns,
    PatchJobSettings,
    RestartContinuousJob,
    RunTriggeredJob,
    StartContinuousJob,
    StopContinuousJob,
    UploadKind,
)
from webjobs_events.envelope import Cause
from webjobs_events.events import (
    Acknowledged,
    AcknowledgementWithdrawn,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    Covered,
    Deleted,
    DependenciesFailed,
    DependenciesPrepared,
    Deployed,
    DeployFailed,
    Disabled,
    DiskLow,
    DiskOk,
    Enabled,
    Event,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    Purged,
    Removed,
    RestartRequested,
    RunAborted,
    RunFailed,
    RunImported,
    RunInitializing,
    RunProgressed,
    RunRunning,
    RunSuccess,
    ScheduleTicked,
    SettingsChanged,
    SettingsRefused,
    Term,
    TickOutcome,
)
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status

CAUSE = Cause(
    correlation_id="run/202601020304056789",
    causation_id="run/202601020304056789",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
"""Of every sample of an event."""

_AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
_INSTANCE = "327e1e"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_BOOT = "202601011200000000"
_SETTINGS: dict[str, Any] = {"stopping_wait_time": 10, "is_singleton": True}

_run: dict[str, Any] = {
    "at": _AT + timedelta(seconds=1),
    "instance": _INSTANCE,
    "job_name": JobName("nightly.report"),
    "run_id": RunId("202601020304056789"),
    "attempt": 1,
    "trigger": "External - curl/8.5.0",
    "arguments": "--since '2 days'",
    "digest": _DIGEST,
    "requested_at": _AT,
}
_ended: dict[str, Any] = _run | {
    "at": _AT + timedelta(seconds=61),
    "started_at": _AT + timedelta(seconds=1),
    "has_error_log": True,
}
_process: dict[str, Any] = {
    "at": _AT,
    "instance": _INSTANCE,
    "job_name": JobName("mail sender"),
    "boot": _BOOT,
    "digest": _DIGEST,
}
_disk: dict[str, Any] = {"free_bytes": 9_437_184, "reserve_bytes": 20_971_520, "total_bytes": 419_430_400}
_instance: dict[str, Any] = {"at": _AT, "instance": _INSTANCE, "about_instance": _INSTANCE, "boot": _BOOT}


_COVERED = {
    JobType.TRIGGERED: Covered(
        kind="failed", evidence="exit_code 3", text="Exit code 3, third time in a row; no success yet."
    ),
    JobType.CONTINUOUS: Covered(
        kind="crash_loop",
        evidence="exit_code 1",
        text="Crash loop on 327e1e: 4 crashes in a row, each soon after the start; exit code 1.",
    ),
}


def _acknowledgements(job_type: JobType, job_name: JobName) -> list[Event]:
    said: dict[str, Any] = {
        "at": _AT,
        "instance": "api",
        "job_type": job_type,
        "job_name": job_name,
        "acknowledgement_id": "202601020304056789-1f3a9c2b",
        "by": "Dashboard - ada",
    }
    is_timed = job_type is JobType.CONTINUOUS
    return [
        Acknowledged(
            **said,
            covers=[_COVERED[job_type]],
            note="The supplier is informed.",
            term=Term.INSTANT if is_timed else Term.CHANGE,
            until=_AT.replace(microsecond=0) + timedelta(hours=1) if is_timed else None,
        ),
        AcknowledgementWithdrawn(**said),
    ]


def _job_events(job_type: JobType) -> dict[str, Event]:
    job: dict[str, Any] = {
        "at": _AT,
        "instance": _INSTANCE,
        "job_type": job_type,
        "job_name": JobName("nightly.report" if job_type is JobType.TRIGGERED else "mail sender"),
        "revision": 7,
        "cause": "deploy/5f0c",
    }
    changed = job | {"digest": _DIGEST, "script": "run.sh", "settings": _SETTINGS, "disabled": False}
    events: list[Event] = [
        Deployed(**changed),
        SettingsChanged(**changed),
        Enabled(**changed),
        Disabled(**(changed | {"disabled": True})),
        Removed(**(job | {"cause": "file-drop/gone"})),
        Deleted(**job),
        DeployFailed(
            **(job | {"revision": 0}),
            reason="No file of the upload can be run: add run.sh, run.py or run.js.",
        ),
        SettingsRefused(
            **(job | {"cause": "file-drop/5f0c"}),
            reason="is_singleton in settings.job must be true or false without quotes.",
        ),
        DependenciesPrepared(**(job | {"revision": 0}), key=_DIGEST, packages=6, seconds=0.75, reused=False),
        DependenciesFailed(
            **(job | {"revision": 0}),
            stage=PreparationStage.RESOLVE,
            reason="requirements.txt cannot be resolved: there is no version of panda==99.",
        ),
    ]
    events += _acknowledgements(job_type, job["job_name"])
    if job_type is JobType.CONTINUOUS:
        events.append(RestartRequested(**(changed | {"cause": "restart/5f0c"})))
    return {f"{job_type.value}.{event.name}": event for event in events}


EVENTS: dict[str, Event] = {
    "triggered.Initializing": RunInitializing(**(_run | {"at": _AT})),
    "triggered.Running": RunRunning(**_run, script="bin/run.sh"),
    "triggered.Success": RunSuccess(**_ended, reason=Reason.EXIT_CODE, exit_code=0),
    "triggered.Failed": RunFailed(
        **_ended,
        reason=Reason.IDLE_TIMEOUT,
        signal=9,
        evidence="No CPU time and no output for 120 s; the limit is WEBJOBS_IDLE_TIMEOUT.",
    ),
    "triggered.Aborted": RunAborted(
        **(_ended | {"started_at": None, "has_error_log": False, "arguments": None}),
        reason=Reason.RUNNER_LOST,
        evidence="Runner 327e1e gave no sign of life for 15 s.",
    ),
    "triggered.Progressed": RunProgressed(
        at=_AT + timedelta(seconds=1),
        instance=_INSTANCE,
        job_name=JobName("nightly.report"),
        run_id=_run["run_id"],
        number=3,
        progress=0.4,
        text="loading",
    ),
    "triggered.Imported": RunImported(
        at=_AT + timedelta(days=9),
        instance=_INSTANCE,
        job_name=JobName("nightly.report"),
        run_id=_run["run_id"],
        source="azure",
        imported_by="External - webjobs-cli/0.2",
        host="9b01cc",
        status=Status.FAILED,
        trigger="Schedule - 0 0 3 * * *",
        requested_at=_AT,
        started_at=_AT + timedelta(seconds=1),
        ended_at=_AT + timedelta(minutes=1),
        reason=Reason.EXIT_CODE,
        exit_code=3,
        has_error_log=True,
        output_log_bytes=311,
        error_log_bytes=64,
        log_lines=5,
        first_error_line=4,
        after_deletion=17,
    ),
    "triggered.ScheduleTicked": ScheduleTicked(
        at=_AT + timedelta(seconds=1),
        instance=_INSTANCE,
        job_name=JobName("nightly.report"),
        due=_AT.replace(microsecond=0),
        outcome=TickOutcome.RAN,
        run_id=RunId("202601020304050000"),
        schedule="5 4 3 * * *",
        time_zone="Europe/Berlin",
    ),
    "triggered.Purged": Purged(
        at=_AT,
        instance=_INSTANCE,
        job_name=JobName("nightly.report"),
        run_ids=[RunId("202512310304056789"), RunId("202601010304056789")],
        limit=50,
    ),
    "continuous.Initializing": ContinuousInitializing(**_process, sequence=1),
    "continuous.Starting": ContinuousStarting(**_process, sequence=2),
    "continuous.Running": ContinuousRunning(**_process, sequence=3, script="run.py"),
    "continuous.PendingRestart": ContinuousPendingRestart(
        **_process, sequence=4, reason=Reason.EXIT_CODE, exit_code=1, restart_delay_seconds=60.0
    ),
    "continuous.Stopping": ContinuousStopping(
        **_process, sequence=5, reason=Reason.STOPPED, grace_seconds=5.0
    ),
    "continuous.Stopped": ContinuousStopped(
        **_process,
        sequence=6,
        reason=Reason.STOPPED,
        signal=15,
        evidence="It ended 0.3 s after SIGTERM; 2 processes were left over and killed.",
    ),
    "continuous.InactiveInstance": ContinuousInactiveInstance(**_process, sequence=7, held_by="abcdef"),
    "instance.InstanceStarted": InstanceStarted(**_instance),
    "instance.InstanceStopped": InstanceStopped(**_instance),
    "instance.InstanceLost": InstanceLost(**(_instance | {"instance": "abcdef"})),
    "instance.DiskLow": DiskLow(**_instance, **_disk),
    "instance.DiskOk": DiskOk(**_instance, **(_disk | {"free_bytes": 104_857_600})),
    **_job_events(JobType.TRIGGERED),
    **_job_events(JobType.CONTINUOUS),
}
"""By `<kind>.<Name>`."""

_sizes: dict[str, Any] = {"output_log_bytes": 4711, "error_log_bytes": 217, "dropped_lines": 0}
_usage: dict[str, Any] = {
    "cpu_seconds": 90_061.000001,
    "peak_memory_bytes": 17_179_869_184,
    "log_lines": 1_000_003,
    "first_error_line": 999_999,
}
GROWN_EVENTS: dict[str, Event] = {
    "triggered.Success.log_sizes": replace(EVENTS["triggered.Success"], **_sizes),
    "triggered.Failed.log_sizes": replace(EVENTS["triggered.Failed"], **_sizes),
    "triggered.Aborted.log_sizes": replace(
        EVENTS["triggered.Aborted"],
        reason=Reason.CANCELLED,
        evidence="Cancelled by curl/8.5.0. It ended within its grace.",
        output_log_bytes=1_073_742_208,
        error_log_bytes=0,
        dropped_lines=4_300_000_000,
    ),
    "triggered.Success.usage": replace(
        EVENTS["triggered.Success"],
        **_sizes,
        cpu_seconds=1.25,
        peak_memory_bytes=52_428_800,
        log_lines=61,
        first_error_line=4,
    ),
    "triggered.Failed.usage": replace(
        EVENTS["triggered.Failed"],
        **_sizes,
        cpu_seconds=0.31,
        peak_memory_bytes=18_874_368,
        log_lines=61,
        first_error_line=4,
    ),
    "triggered.Success.report": replace(
        EVENTS["triggered.Success"],
        **_usage,
        result={"rows": 1204, "files": ["a.csv", "b.csv"], "ok": True, "rest": None},
        result_bytes=64,
        progress=1.0,
        progress_text="done",
    ),
    "triggered.Failed.report": replace(
        EVENTS["triggered.Failed"],
        result_bytes=1_048_576,
        progress=0.4,
        progress_text="loading",
        warnings=["The progress '40 of 100' cannot be read: write lines such as 0.4 loading."],
    ),
    "triggered.Aborted.usage": replace(
        EVENTS["triggered.Aborted"],
        reason=Reason.CANCELLED,
        evidence="Cancelled by curl/8.5.0. It ended within its grace.",
        **_sizes,
        **_usage,
    ),
}
_env: dict[str, Any] = {
    "env_names": ["API_TOKEN", "GREETING"],
    "env_digest": "4c2e6a0b6b1a0f5c5a2f3c0f8c6f0f6a4f6e2f3d9e0b1a7c8d5e4f3a2b1c0d9e",
}
GROWN_EVENTS |= {
    f"{kind}.{name}.env": replace(EVENTS[f"{kind}.{name}"], **_env)
    for kind in ("triggered", "continuous")
    for name in ("Deployed", "SettingsChanged", "Enabled", "Disabled")
}
_warned = {"warnings": ["2 entries were left out: a/b (a link that leads out), c (a socket)."]}
GROWN_EVENTS |= {
    f"{kind}.{name}.warnings": replace(EVENTS[f"{kind}.{name}"], **_warned)
    for kind in ("triggered", "continuous")
    for name in ("Deployed", "SettingsChanged", "Enabled", "Disabled")
}
_asked_by = {"requested_by": "External - curl/8.5.0"}
GROWN_EVENTS |= {
    f"{kind}.Deployed.requested_by": replace(EVENTS[f"{kind}.Deployed"], **_env, **_asked_by)
    for kind in ("triggered", "continuous")
}
GROWN_EVENTS |= {
    f"{kind}.DeployFailed.code": replace(
        EVENTS[f"{kind}.DeployFailed"], code="no_runnable_script", **_asked_by
    )
    for kind in ("triggered", "continuous")
}
GROWN_EVENTS |= {
    f"{kind}.DependenciesPrepared.bytes": replace(
        EVENTS[f"{kind}.DependenciesPrepared"],
        lock_digest=_DIGEST,
        interpreter="cpython 3.12.1",
        bytes=4_100_000,
    )
    for kind in ("triggered", "continuous")
}
GROWN_EVENTS["triggered.SettingsChanged.abridged"] = replace(
    EVENTS["triggered.SettingsChanged"], **_env, is_abridged=True
)
"""Events with fields that were added after their first sample, by `<kind>.<Name>.<what was added>`."""


def _asked(job_type: JobType, verb: str) -> dict[str, Any]:
    return {
        "command_id": f"{verb}/202601020304056789",
        "job_type": job_type,
        "job_name": JobName("nightly.report" if job_type is JobType.TRIGGERED else "mail sender"),
        "requested_at": _AT,
        "requested_by": "External - curl/8.5.0",
        "reply_to": None if verb == "run" else "_INBOX.5f0c",
    }


COMMANDS: dict[str, AnyCommand] = {
    "run": RunTriggeredJob(
        **_asked(JobType.TRIGGERED, "run"),
        run_id=RunId("202601020304056789"),
        arguments="--since '2 days'",
        attempt=2,
    ),
    "deploy": DeployJob(
        **_asked(JobType.TRIGGERED, "deploy"),
        upload="upload/5f0c",
        kind=UploadKind.SCRIPT,
        file_name="run.sh",
    ),
    "delete": DeleteJob(**_asked(JobType.TRIGGERED, "delete")),
    "start": StartContinuousJob(**_asked(JobType.CONTINUOUS, "start")),
    "stop": StopContinuousJob(**_asked(JobType.CONTINUOUS, "stop")),
    "restart": RestartContinuousJob(**_asked(JobType.CONTINUOUS, "restart")),
    "settings": ChangeJobSettings(**_asked(JobType.CONTINUOUS, "settings"), settings=_SETTINGS),
    "import": ImportRuns(**_asked(JobType.TRIGGERED, "import"), upload="upload/5f0c"),
    "patch": PatchJobSettings(
        **_asked(JobType.CONTINUOUS, "patch"), patch={"is_singleton": None}, only_if=["5f0c"]
    ),
}
"""By verb."""
