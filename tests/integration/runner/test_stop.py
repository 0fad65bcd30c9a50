"""How scripts are asked to end: shutdown file, signal, grace; whatever the reason is."""

import json
import os
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.programs import need_program
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import run_folder
from webjobs_events.events import ContinuousPendingRestart, ContinuousStopped, RunRunning
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.runs.status_file import read_status

CONTINUOUS, TRIGGERED = JobType.CONTINUOUS, JobType.TRIGGERED
LONG = {"stopping_wait_time": 30}

# They write `ready`, then `signal` if a signal comes and `file` if the shutdown file does, and take a moment.
POLLS_FILE = {
    "run.sh": """
        trap 'echo signal >> {seen}; exit 1' TERM INT HUP QUIT
        echo ready >> {seen}
        while [ ! -s "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.02; done
        sleep 0.3; echo file >> {seen}; exit 0
    """,
    "run.py": """
        import os, signal, sys, time
        def told(number, frame):
            print("signal", file=open("{seen}", "a")); sys.exit(1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, told)
        open("{seen}", "a").write("ready\\n")
        while not os.path.exists(os.environ["WEBJOBS_SHUTDOWN_FILE"]):
            time.sleep(0.02)
        time.sleep(0.3)
        open("{seen}", "a").write("file\\n")
    """,
    "run.js": """
        const fs = require("fs");
        for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
            process.on(name, () => {{ fs.appendFileSync("{seen}", "signal\\n"); process.exit(1); }});
        fs.appendFileSync("{seen}", "ready\\n");
        setInterval(() => {{
            if (!fs.existsSync(process.env.WEBJOBS_SHUTDOWN_FILE)) return;
            setTimeout(() => {{ fs.appendFileSync("{seen}", "file\\n"); process.exit(0); }}, 300);
        }}, 20).ref();
    """,
}
# The same without the name of the variable in one piece.
POLLS_IN_PIECES = """
    trap 'echo signal >> {seen}; exit 1' TERM
    file=$(printenv "WEBJOBS_SHUTDOWN""_FILE")
    echo ready >> {seen}
    while [ ! -s "$file" ]; do sleep 0.02; done
    sleep 0.3; echo file >> {seen}; exit 0
"""
TRAPS = """
    for name in TERM INT HUP QUIT; do trap "sleep 0.3; echo $name >> {seen}; exit 0" $name; done
    echo ready >> {seen}; while :; do sleep 0.02; done
"""
PLAIN = "echo ready >> {seen}; while :; do sleep 0.05; done"


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    return tmp_path / "seen"


def job(
    seen: Path, script: str, settings: dict[str, Any], name: str = "run.sh", **more: str | bytes
) -> dict[str, str | bytes]:
    text = textwrap.dedent(script.format(seen=seen)).strip()
    return {name: text, "settings.job": json.dumps(settings), **more}


def has_said(seen: Path, *words: str) -> Callable[[], bool]:
    return lambda: seen.exists() and seen.read_text().split() == list(words)


async def stopped(caller: Caller, recorder: EventRecorder, timeout: float = 20) -> ContinuousStopped:
    await caller.stop("job")
    (end,) = await eventually(lambda: recorder.of(ContinuousStopped), timeout)
    return end


@pytest.mark.parametrize("name", POLLS_FILE)
async def test_a_job_that_watches_its_shutdown_file_gets_no_signal_before_it_has_seen_the_file(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path, name: str
) -> None:
    if name == "run.js":
        need_program("node")
    await caller.deploy(CONTINUOUS, "job", job(seen, POLLS_FILE[name], LONG, name))
    await eventually(has_said(seen, "ready"))
    end = await stopped(caller, recorder)
    assert seen.read_text().split() == ["ready", "file"]
    assert (end.exit_code, end.signal) == (0, None)
    assert end.evidence.endswith("It ended within its grace.")


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
async def test_the_name_counts_in_any_file_of_the_package(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path, encoding: str
) -> None:
    program = b"MZ\0" + "WEBJOBS_SHUTDOWN_FILE".encode(encoding) + b"\0"
    files = job(seen, POLLS_IN_PIECES, LONG, **{"bin/host.dll": program})
    await caller.deploy(CONTINUOUS, "job", files)
    await eventually(has_said(seen, "ready"))
    assert (await stopped(caller, recorder)).exit_code == 0
    assert seen.read_text().split() == ["ready", "file"]


async def test_a_definition_of_an_earlier_release_is_looked_up_at_the_start_of_its_script(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, seen: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(CONTINUOUS, "job", job(seen, POLLS_FILE["run.sh"], LONG))
        await eventually(has_said(seen, "ready"))
        entry = await bus.jobs.get("continuous.job")
        assert entry is not None and b'"watches_shutdown_file":true' in entry.value
        older = json.loads(entry.value)
        del older["watches_shutdown_file"]
        older["cause"] = "an earlier release"
        await bus.jobs.update("continuous.job", json.dumps(older).encode(), entry.revision)
    seen.unlink()
    async with running_runner(bus, nats_url, tmp_path):
        await eventually(has_said(seen, "ready"))
        await caller.stop("job")
        await eventually(has_said(seen, "ready", "file"))


async def test_a_job_that_watches_and_never_ends_is_killed_when_its_grace_is_over(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    script = f"trap '' TERM # WEBJOBS_SHUTDOWN_FILE\n{PLAIN}"
    await caller.deploy(CONTINUOUS, "job", job(seen, script, {"stopping_wait_time": 0.5}))
    await eventually(has_said(seen, "ready"))
    end = await stopped(caller, recorder)
    assert end.signal == signal.SIGKILL
    assert end.evidence.endswith("It was killed after 0.5 s of grace.")


async def test_a_job_that_watches_and_traps_gets_its_signal_after_its_grace(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    script = f"# WEBJOBS_SHUTDOWN_FILE{TRAPS}"
    await caller.deploy(CONTINUOUS, "job", job(seen, script, {"stopping_wait_time": 0.5}))
    await eventually(has_said(seen, "ready"))
    end = await stopped(caller, recorder)
    assert seen.read_text().split() == ["ready", "TERM"]
    assert end.evidence.endswith("It ended by a signal after 0.5 s of grace.")


async def test_a_plain_loop_stops_at_once_however_long_its_grace(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    await caller.deploy(CONTINUOUS, "job", job(seen, PLAIN, LONG))
    await eventually(has_said(seen, "ready"))
    assert (await stopped(caller, recorder)).signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("stop_signal", "said"),
    [(None, "TERM"), ("SIGTERM", "TERM"), ("SIGINT", "INT"), ("SIGQUIT", "QUIT"), ("SIGHUP", "HUP")],
)
async def test_the_signal_comes_at_once_and_the_grace_is_for_what_follows(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    seen: Path,
    stop_signal: str | None,
    said: str,
) -> None:
    await caller.deploy(CONTINUOUS, "job", job(seen, TRAPS, {**LONG, "stop_signal": stop_signal}))
    await eventually(has_said(seen, "ready"))
    end = await stopped(caller, recorder)
    assert seen.read_text().split() == ["ready", said]
    assert end.exit_code == 0 and end.evidence.endswith("It ended within its grace.")


async def test_without_a_stop_signal_a_job_is_killed_after_its_grace(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    settings = {"stopping_wait_time": 0.5, "stop_signal": "none"}
    await caller.deploy(CONTINUOUS, "job", job(seen, TRAPS, settings))
    await eventually(has_said(seen, "ready"))
    assert (await stopped(caller, recorder)).signal == signal.SIGKILL
    assert seen.read_text().split() == ["ready"]


async def test_a_stop_signal_is_sent_though_the_job_watches_its_shutdown_file(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    script = f"# WEBJOBS_SHUTDOWN_FILE{TRAPS}"
    await caller.deploy(CONTINUOUS, "job", job(seen, script, {**LONG, "stop_signal": "SIGTERM"}))
    await eventually(has_said(seen, "ready"))
    await stopped(caller, recorder)
    assert seen.read_text().split() == ["ready", "TERM"]


@pytest.mark.parametrize("script", [TRAPS, POLLS_FILE["run.sh"]], ids=["traps", "watches"])
async def test_a_process_that_was_stopped_hears_of_its_end(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path, script: str
) -> None:
    await caller.deploy(CONTINUOUS, "job", job(seen, f"echo $$ > {{seen}}.pid{script}", LONG))
    await eventually(has_said(seen, "ready"))
    os.kill(int(seen.with_suffix(".pid").read_text()), signal.SIGSTOP)
    end = await stopped(caller, recorder)
    assert end.exit_code == 0 and end.evidence.endswith("It ended within its grace.")
    assert seen.read_text().split()[-1] in ("TERM", "file")


async def test_a_failed_health_check_asks_in_the_same_way(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    check = {"interval": 0.1, "timeout": 0.5, "failures": 1, "start_period": 0}
    await caller.deploy(CONTINUOUS, "job", job(seen, POLLS_FILE["run.sh"], {**LONG, "health_check": check}))
    (pending,) = await eventually(lambda: recorder.of(ContinuousPendingRestart), 20)
    assert (pending.reason, pending.exit_code) == (Reason.HEALTH_CHECK, 0)
    assert seen.read_text().split() == ["ready", "file"]


async def test_a_new_version_asks_in_the_same_way(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, seen: Path
) -> None:
    await caller.deploy(CONTINUOUS, "job", job(seen, POLLS_FILE["run.sh"], LONG))
    await eventually(has_said(seen, "ready"))
    await caller.deploy(CONTINUOUS, "job", job(seen, "echo new >> {seen}; sleep 1000", LONG))
    (end,) = await eventually(lambda: recorder.of(ContinuousStopped), 20)
    assert (end.reason, end.exit_code) == (Reason.REPLACED, 0)
    await eventually(has_said(seen, "ready", "file", "new"), 20)


ENDINGS: dict[str, tuple[dict[str, Any], Reason]] = {
    "cancel": ({}, Reason.CANCELLED),
    "delete": ({}, Reason.DELETED),
    "timeout": ({"timeout": 0.5}, Reason.MAX_DURATION),
    "replace": ({"concurrency": {"policy": "replace"}}, Reason.REPLACED),
    "shutdown": ({}, Reason.HOST_SHUTDOWN),
    "stopped": ({}, Reason.STOPPED),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_run_that_watches_its_shutdown_file_gets_no_signal_whatever_ends_it(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path, seen: Path, ending: str
) -> None:
    settings, reason = ENDINGS[ending]
    await caller.deploy(
        TRIGGERED, "job", job(seen, POLLS_FILE["run.sh"], {**LONG, **settings, "retry": {"on": []}})
    )
    ask = caller.line_up if ending == "replace" else caller.run
    run_id = await ask("job")
    await eventually(lambda: recorder.of(RunRunning) and seen.exists())
    if ending == "cancel":
        await caller.cancel("job", run_id)
    elif ending == "delete":
        await caller.delete(TRIGGERED, "job")
    elif ending == "replace":
        await caller.line_up("job")
    elif ending == "shutdown":
        await runner.stop()
    elif ending == "stopped":
        await caller.set("WEBJOBS_STOPPED", "1")
    end = await recorder.end_of(run_id, 20)
    assert end.reason is reason and end.evidence.endswith("It ended within its grace.")
    assert "file" in seen.read_text() and "signal" not in seen.read_text()
    if ending != "delete":
        folder = run_folder(tmp_path, "job", run_id)
        assert read_status(folder) == end


async def test_an_idle_run_gets_its_stop_signal(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, seen: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path, environment={"WEBJOBS_IDLE_TIMEOUT": "0.5"}):
        script = "trap 'echo told > {seen}; exit 0' HUP; sleep 1000 & wait"
        await caller.deploy(TRIGGERED, "job", job(seen, script, {**LONG, "stop_signal": "SIGHUP"}))
        end = await recorder.end_of(await caller.run("job"), 20)
        assert end.reason is Reason.IDLE_TIMEOUT
        assert seen.read_text() == "told\n"
