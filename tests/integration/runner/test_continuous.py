"""Continuous jobs on a real runner: kept running, restarted in time, stopped in good order."""

import asyncio
import json
import secrets
import time
from datetime import timedelta
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.processes import ESCAPE, PYTHON, is_alive, none_alive
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import data_folder, job_folder, job_log
from webjobs_events.commands import ReplyCode, RestartContinuousJob
from webjobs_events.events import (
    ContinuousEvent,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    Event,
)
from webjobs_events.jetstream import Bus
from webjobs_events.usage import ProcessUsage, decode_usage
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason, next_status
from webjobs_runner.continuous import usage_reports
from webjobs_runner.domain import uptime_notice

CONTINUOUS = JobType.CONTINUOUS
FOREVER = "exec sleep 1000"


def assert_legal(events: list[ContinuousEvent]) -> None:
    """Each event is allowed after the one before."""
    status = None
    for event in events:
        status = next_status(CONTINUOUS, status, event.status)


async def until_status(recorder: EventRecorder, job_name: str, status: str, timeout: float = 10) -> None:
    await eventually(lambda: (recorder.statuses(job_name) or [""])[-1] == status, timeout)


async def test_a_job_that_ends_is_started_again_after_the_restart_time(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.set("WEBJOBS_RESTART_TIME", "0.3")
    await caller.deploy(CONTINUOUS, "brief", {"run.sh": "exit 3"})
    await eventually(lambda: len(recorder.of(ContinuousPendingRestart)) >= 3)
    names = recorder.statuses("brief")
    assert names[:7] == ["Initializing", *["Starting", "Running", "PendingRestart"] * 2]
    pending = recorder.of(ContinuousPendingRestart)[0]
    assert (pending.reason, pending.exit_code) == (Reason.EXIT_CODE, 3)
    assert pending.restart_delay_seconds == 0.3
    assert pending.evidence == "The script exited with code 3."
    again = recorder.of(ContinuousStarting)[1]
    assert 0.3 <= (again.at - pending.at).total_seconds() < 1
    assert_legal(recorder.of(ContinuousEvent, "brief"))
    assert [event.sequence for event in recorder.of(ContinuousEvent)] == list(range(1, len(names) + 1))


async def test_a_shorter_restart_time_counts_for_a_job_that_waits_already(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "brief", {"run.sh": "exit 0"})
    await until_status(recorder, "brief", "PendingRestart")
    assert recorder.of(ContinuousPendingRestart)[0].restart_delay_seconds == 60
    await caller.set("WEBJOBS_RESTART_TIME", "0")
    await eventually(lambda: len(recorder.of(ContinuousStarting)) >= 2, 2)
    await caller.set("WEBJOBS_RESTART_TIME", "60")


async def test_a_stopped_job_stays_stopped_until_it_is_started(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
    await until_status(recorder, "steady", "Running")
    await caller.stop("steady")
    await until_status(recorder, "steady", "Stopped")
    stopping, stopped = recorder.of(ContinuousStopping)[0], recorder.of(ContinuousStopped)[0]
    assert (stopping.reason, stopping.grace_seconds) == (Reason.STOPPED, 5)
    assert (stopped.reason, stopped.signal) == (Reason.STOPPED, 15)
    assert stopped.evidence == "The job is disabled. It ended within its grace."
    folder = job_folder(tmp_path, CONTINUOUS, "steady")
    assert (folder / "disable.job").exists()
    await caller.start("steady")
    await until_status(recorder, "steady", "Running")
    assert not (folder / "disable.job").exists()
    assert recorder.statuses("steady")[3:] == ["Stopping", "Stopped", "Starting", "Running"]
    assert recorder.changes("steady") == ["Deployed", "Disabled", "Enabled"]


async def test_a_restart_stops_and_starts_every_process_once_for_each_request(
    runner: RunningRunner, bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path, name="second", instance_id="fa1fa1"):
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
        await eventually(lambda: len(recorder.of(ContinuousRunning)) == 2)
        command = caller.command(RestartContinuousJob, CONTINUOUS, "steady")
        assert (await caller.ask(command)).code is ReplyCode.DONE
        await eventually(lambda: len(recorder.of(ContinuousRunning)) == 4)
        await caller.change_settings("steady", {"note": "of the second version"})
        await eventually(lambda: len(recorder.of(ContinuousRunning)) == 6)
        repeated = await caller.ask_again(command)  # as after a kill of its runner
        assert repeated.code is ReplyCode.DONE
        await caller.stop("steady")  # changes come in order
        await eventually(lambda: len(recorder.of(ContinuousStopped)) == 6)
    assert len(recorder.of(ContinuousRunning)) == 6
    stopped = recorder.of(ContinuousStopped)[:2]
    assert {event.evidence for event in stopped} == {
        "A restart of the job was requested. It ended within its grace."
    }
    assert len({event.instance for event in stopped}) == 2
    assert recorder.changes("steady") == ["Deployed", "RestartRequested", "SettingsChanged", "Disabled"]
    for instance in {event.instance for event in stopped}:
        assert_legal([each for each in recorder.of(ContinuousEvent, "steady") if each.instance == instance])


async def test_a_restart_ends_the_delay_before_the_next_start(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "brief", {"run.sh": "exit 3"})
    await until_status(recorder, "brief", "PendingRestart")
    await caller.restart("brief")
    await eventually(lambda: len(recorder.of(ContinuousStarting)) == 2, 5)
    await caller.stop("brief")
    await until_status(recorder, "brief", "Stopped")


async def test_a_restart_of_a_stopped_job_starts_nothing(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
    await until_status(recorder, "steady", "Running")
    await caller.stop("steady")
    await until_status(recorder, "steady", "Stopped")
    await caller.restart("steady")
    await caller.start("steady")
    await until_status(recorder, "steady", "Running")
    assert len(recorder.of(ContinuousRunning)) == 2


async def test_webjobs_stopped_stops_continuous_jobs_and_lets_them_go_on(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
    await until_status(recorder, "steady", "Running")
    await caller.set("WEBJOBS_STOPPED", "1")
    await until_status(recorder, "steady", "Stopped")
    await caller.deploy(CONTINUOUS, "newer", {"run.sh": FOREVER})
    await until_status(recorder, "newer", "Stopped")
    assert recorder.statuses("newer") == ["Initializing", "Stopped"]
    await caller.set("WEBJOBS_STOPPED", "0")
    await until_status(recorder, "steady", "Running")
    await until_status(recorder, "newer", "Running")


async def test_a_deployment_restarts_its_own_job_and_no_other(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "other", {"run.sh": FOREVER})
    await caller.deploy(CONTINUOUS, "job", {"run.sh": FOREVER})
    await until_status(recorder, "other", "Running")
    await until_status(recorder, "job", "Running")
    before = [event for event in recorder.events if getattr(event, "job_name", "") == "other"]
    await caller.deploy(CONTINUOUS, "job", {"run.sh": f"echo new; {FOREVER}"})
    await eventually(lambda: recorder.statuses("job").count("Running") == 2)
    assert recorder.statuses("job")[3:] == ["Stopping", "Stopped", "Starting", "Running"]
    old, new = (event.digest for event in recorder.of(ContinuousRunning, "job"))
    assert old != new
    assert recorder.of(ContinuousStopped, "job")[0].reason is Reason.REPLACED
    assert recorder.of(ContinuousStopped, "job")[0].digest == old
    await caller.deploy(CONTINUOUS, "third", {"run.sh": FOREVER})
    await until_status(recorder, "third", "Running")
    after: list[Event] = [event for event in recorder.events if getattr(event, "job_name", "") == "other"]
    assert after == before


async def test_a_script_is_notified_by_its_shutdown_file_before_the_signal(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    script = f"""
        trap '[ -e "$WEBJOBS_SHUTDOWN_FILE" ] && echo signal after file > {seen}; exit 0' TERM
        [ -n "$WEBJOBS_SHUTDOWN_FILE" ] && [ ! -e "$WEBJOBS_SHUTDOWN_FILE" ] && echo ready
        while :; do sleep 0.02; done
    """
    settings = '{"stop_signal": "SIGTERM"}'
    await caller.deploy(CONTINUOUS, "listening", {"run.sh": script, "settings.job": settings})
    log = job_log(tmp_path, "listening")
    await eventually(lambda: log.exists() and "INFO] ready" in log.read_text())
    await caller.stop("listening")
    await until_status(recorder, "listening", "Stopped")
    assert seen.read_text() == "signal after file\n"
    assert recorder.of(ContinuousStopped)[0].exit_code == 0
    shutdown_files = tmp_path / "temp" / f"webjobs-{runner.id}" / "JobsShutdown"
    assert list(shutdown_files.iterdir()) == []


async def test_a_deaf_tree_is_killed_after_its_grace_and_gone_before_that_is_told(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    script = f"""
        trap '' TERM
        {" ".join(PYTHON[:-1])} -c "{ESCAPE}" >> {pids}
        echo $$ >> {pids}
        while :; do sleep 0.02; done
    """
    files = {"run.sh": script, "settings.job": '{"stopping_wait_time": 0.5}'}
    await caller.deploy(CONTINUOUS, "deaf", files)
    await eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    numbers = [int(word) for word in pids.read_text().split()]
    assert all(map(is_alive, numbers))
    stopping_at = time.monotonic()
    await caller.stop("deaf")
    await until_status(recorder, "deaf", "Stopped")
    assert none_alive(numbers)
    assert 0.5 <= time.monotonic() - stopping_at < 30
    stopping, stopped = recorder.of(ContinuousStopping)[0], recorder.of(ContinuousStopped)[0]
    assert 0.45 <= (stopped.at - stopping.at).total_seconds() < 10
    assert stopped.signal == 9
    assert stopped.evidence == "The job is disabled. It was killed after 0.5 s of grace."


async def test_a_stopping_runner_stops_all_its_jobs_at_the_same_time(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = "trap '' TERM; while :; do sleep 0.1; done"
    settings = '{"stopping_wait_time": 0.6}'
    async with running_runner(bus, nats_url, tmp_path) as runner:
        names = [f"deaf{number}" for number in range(8)]
        await asyncio.gather(
            *(caller.deploy(CONTINUOUS, name, {"run.sh": script, "settings.job": settings}) for name in names)
        )
        for name in names:
            await until_status(recorder, name, "Running")
        await runner.stop()
    await recorder.until_published()
    for name in names:
        assert recorder.statuses(name)[-2:] == ["Stopping", "Stopped"]
    last_stopping = max(event.at for event in recorder.of(ContinuousStopping))
    assert last_stopping < min(event.at for event in recorder.of(ContinuousStopped)), "one after the other"
    assert all(event.reason is Reason.HOST_SHUTDOWN for event in recorder.of(ContinuousStopped))
    assert recorder.events[-1].name == "InstanceStopped"


async def test_a_job_whose_script_cannot_be_started_is_tried_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "php").symlink_to("/bin/true")
    environment = {"PATH": str(tools), "WEBJOBS_RESTART_TIME": "0.1"}
    async with running_runner(bus, nats_url, tmp_path, environment=environment):
        await caller.deploy(CONTINUOUS, "page", {"run.php": "x"})
        await eventually(lambda: recorder.of(ContinuousPendingRestart))
        (tools / "php").unlink()
        found = await eventually(
            lambda: [e for e in recorder.of(ContinuousPendingRestart) if e.reason is not Reason.EXIT_CODE]
        )
        assert found[0].reason is Reason.MISSING_INTERPRETER
        (tools / "php").symlink_to("/bin/true")
        ran = len(recorder.of(ContinuousRunning))
        await eventually(lambda: len(recorder.of(ContinuousRunning)) > ran)
    assert_legal(recorder.of(ContinuousEvent, "page"))


async def test_a_job_deleted_and_deployed_again_is_a_new_one(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    data = data_folder(tmp_path, CONTINUOUS, "steady")
    folder = job_folder(tmp_path, CONTINUOUS, "steady")
    for count in (1, 2):
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": f"echo life {count}; {FOREVER}"})
        await eventually(lambda count=count: recorder.statuses("steady").count("Running") == count)
        await eventually(lambda: (data / "job.log").exists())
        await caller.delete(CONTINUOUS, "steady")
        await eventually(lambda count=count: recorder.statuses("steady").count("Stopped") == count)
        assert recorder.of(ContinuousStopped)[-1].reason is Reason.DELETED
        application = tmp_path / "site" / "LogFiles" / "Application" / "continuous" / "steady"
        left = (data, folder, application)
        await eventually(lambda left=left: not any(path.exists() for path in left))
    await recorder.until_published()
    life = ["Initializing", "Starting", "Running", "Stopping", "Stopped"]
    assert recorder.statuses("steady") == life * 2
    assert recorder.changes("steady") == ["Deployed", "Deleted"] * 2
    log = recorder.log(runner_log(runner, caller), "job.log").decode()
    assert log.index("life 1") < log.index("life 2")


async def test_a_deleted_job_leaves_no_part_of_its_log_on_the_runners_disk(
    bus: Bus, nats_url: str, tmp_path: Path, runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    away = secrets.token_hex(3)
    for name in ("steady", "missed"):
        await caller.deploy(CONTINUOUS, name, {"run.sh": f"echo {name}; {FOREVER}"})
    async with running_runner(bus, nats_url, tmp_path, name="far", instance_id=away):
        for name in ("steady", "missed"):
            await eventually(lambda name=name: len(spools(tmp_path, name)) == 2)
            assert all(spool.stat().st_size for spool in spools(tmp_path, name))
        await caller.delete(CONTINUOUS, "steady")
        await eventually(lambda: not spools(tmp_path, "steady"))
    await caller.delete(CONTINUOUS, "missed")
    await eventually(lambda: len(spools(tmp_path, "missed")) == 1)
    async with running_runner(bus, nats_url, tmp_path, name="far", instance_id=away):
        await eventually(lambda: not spools(tmp_path, "missed"))


def spools(folder: Path, name: str) -> list[Path]:
    """Logs of a job in the private folders of all runners."""
    return list(folder.glob(f"*/data/.runner/*/logs/{name}*.log"))


def runner_log(runner: RunningRunner, caller: Caller) -> str:
    return caller.bus.subjects.log(CONTINUOUS, "steady", f"{runner.id}-job")


async def test_a_job_that_asks_for_it_waits_longer_after_each_short_life(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    settings = '{"restart": {"min": 0.1, "max": 0.4, "factor": 2}}'
    await caller.deploy(CONTINUOUS, "brief", {"run.sh": "exit 3", "settings.job": settings})
    await eventually(lambda: len(recorder.of(ContinuousPendingRestart)) >= 4)
    pending, starting = recorder.of(ContinuousPendingRestart), recorder.of(ContinuousStarting)
    assert [event.restart_delay_seconds for event in pending[:4]] == [0.1, 0.2, 0.4, 0.4]
    for before, after in zip(pending, starting[1:4], strict=False):
        assert before.restart_delay_seconds <= (after.at - before.at).total_seconds() < 2
    seen = len(recorder.of(ContinuousPendingRestart))
    await caller.change_settings("brief", {"restart": {"min": 0.2, "max": 9}})
    await eventually(lambda: len(recorder.of(ContinuousPendingRestart)) > seen + 1)
    assert 0.2 in [event.restart_delay_seconds for event in recorder.of(ContinuousPendingRestart)[seen:]]


async def test_a_job_that_is_not_enabled_does_not_run(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER, "settings.job": '{"enabled": false}'})
    await until_status(recorder, "steady", "Stopped")
    assert recorder.of(ContinuousStopped)[0].evidence == "The job's settings have enabled: false."
    await caller.change_settings("steady", {"enabled": True})
    await until_status(recorder, "steady", "Running")
    await caller.change_settings("steady", {"enabled": False})
    await until_status(recorder, "steady", "Stopped")


SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = self.path == "/health?deep=1" and os.path.exists(sys.argv[1])
        self.send_response(500 if sick else 204)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["WEBJOBS_PORT"])), Answer).serve_forever()
"""


@pytest.fixture
def frequent_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what processes use; to be requested before the runner."""
    monkeypatch.setattr(usage_reports, "USAGE_SECONDS", 0.2)


async def test_a_script_that_fails_its_health_check_is_started_anew(
    frequent_reports: None,
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    bus: Bus,
) -> None:
    reports: list[ProcessUsage] = []
    async with bus.hearing(bus.subjects.usage("*"), lambda _, data: reports.extend(decode_usage(data).jobs)):
        await fails_its_health_check(caller, recorder, tmp_path)
        await eventually(lambda: reports[-1].restarts and reports[-1].cpu_percent is not None)
        await eventually(lambda: reports[-1].health_failures == 0)
    last = reports[-1]
    assert (last.job_name, last.pid) == ("server", reports[-2].pid)
    assert last.started_at >= recorder.of(ContinuousPendingRestart)[-1].at
    assert last.memory_bytes > 1_000_000 and last.cpu_seconds > 0
    assert {report.pid for report in reports} > {last.pid}, "the process before was another one"


async def fails_its_health_check(caller: Caller, recorder: EventRecorder, tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    check = {"path": "/health?deep=1", "interval": 0.2, "failures": 2, "start_period": 0, "timeout": 2}
    settings = {"health_check": check, "restart": {"min": 0.1}, "stopping_wait_time": 2}
    files = {"run.sh": f"exec python3 server.py {sick}", "server.py": SERVER}
    sick.touch()
    await caller.deploy(CONTINUOUS, "server", files | {"settings.job": json.dumps(settings)})
    await eventually(lambda: recorder.of(ContinuousPendingRestart))
    sick.unlink()
    pending = recorder.of(ContinuousPendingRestart)[0]
    assert (pending.reason, pending.signal) == (Reason.HEALTH_CHECK, 15)
    assert pending.evidence.startswith("The health check GET /health?deep=1 on port 2")
    assert "failed 2 times in a row" in pending.evidence
    assert pending.evidence.endswith("It ended within its grace.")
    log = job_log(tmp_path, "server")
    await eventually(lambda: "SYS WARN] Health check GET /health?deep=1: " in log.read_text())
    assert "(2 of 2)" in log.read_text()
    await eventually(lambda: recorder.statuses("server").count("Running") > 1)
    assert_legal(recorder.of(ContinuousEvent, "server"))


async def test_a_script_that_takes_its_time_to_start_is_not_ended_for_that(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    check = '{"health_check": {"interval": 0.05, "failures": 1, "start_period": 60}}'
    await caller.deploy(CONTINUOUS, "slow", {"run.sh": FOREVER, "settings.job": check})
    log = job_log(tmp_path, "slow")
    said = "nothing listens (it is still starting)"
    await eventually(lambda: log.exists() and log.read_text().count(said) > 2)
    assert recorder.statuses("slow") == ["Initializing", "Starting", "Running"]


async def test_the_log_says_from_time_to_time_that_a_script_still_runs(
    runner: RunningRunner, caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uptime_notice, "FIRST", timedelta(seconds=0.1))
    monkeypatch.setattr(uptime_notice, "EVERY", timedelta(seconds=0.1))
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
    log = job_log(tmp_path, "steady")
    said = "SYS INFO] The script is still running, for 0:00:0"
    await eventually(lambda: log.exists() and log.read_text().count(said) > 2)


async def test_the_grace_of_a_stop_is_neither_cut_nor_stretched(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    names = [f"deaf{number}" for number in range(4)]
    for name in names:
        await caller.deploy(CONTINUOUS, name, {"run.sh": deaf, "settings.job": '{"stopping_wait_time": 2}'})
    for name in names:
        await until_status(recorder, name, "Running")
    await asyncio.gather(*(caller.stop(name) for name in names))
    await asyncio.gather(*(until_status(recorder, name, "Stopped") for name in names))
    for name in names:
        (stopping,), (stopped,) = recorder.of(ContinuousStopping, name), recorder.of(ContinuousStopped, name)
        assert stopping.grace_seconds == 2
        assert 1.99 <= (stopped.at - stopping.at).total_seconds() < 2.6  # measured: 2.01
    begun = min(event.at for event in recorder.of(ContinuousStopping))
    ended = max(event.at for event in recorder.of(ContinuousStopped))
    assert (ended - begun).total_seconds() < 4  # one after the other they take 8
