"""Scripts as people bring them: saved on Windows, beside other files, with an interpreter of their own."""

from pathlib import Path

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner
from support.site_paths import job_folder, output_log
from webjobs_events.commands import ReplyCode, UploadKind
from webjobs_events.events import Deployed, RunFailed, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

TRIGGERED = JobType.TRIGGERED
BOM = b"\xef\xbb\xbf"
FAILS = b"set -e\nfalse\necho never\n"


def log_of(tmp_path: Path, job_name: str, run_id: str) -> str:
    return output_log(tmp_path, job_name, run_id).read_text()


async def definition_of(bus: Bus, job_name: str) -> JobDefinition:
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, job_name))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition)


async def test_a_shell_script_from_windows_fails_where_it_says_so(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    data = b"a\r\nb\r\n"
    for name, script in {
        "crlf": FAILS.replace(b"\n", b"\r\n"),
        "mark": BOM + FAILS,
        "wide": FAILS.decode().replace("\n", "\r\n").encode("utf-16"),
    }.items():
        files: dict[str, str | bytes] = {"run.sh": script, "data.txt": data}
        await caller.deploy(TRIGGERED, name, files)
        run_id = await caller.run(name)
        assert isinstance(await recorder.end_of(run_id), RunFailed), name
        log = log_of(tmp_path, name, run_id)
        assert "never" not in log and "SYS WARN] run.sh was cleaned in the working copy" in log, name
        assert log.count("was cleaned") == 1
        assert (job_folder(tmp_path, TRIGGERED, name) / "run.sh").read_bytes() == script
        [warning] = (await definition_of(bus, name)).warnings
        assert [event.warnings for event in recorder.of(Deployed, name)] == [[warning]]
        await caller.deploy(TRIGGERED, name, {"run.sh": FAILS})
        assert (await definition_of(bus, name)).warnings == []
    shows_data = {"run.sh": b"cat data.txt | od -c\r\n", "data.txt": data}
    await caller.deploy(TRIGGERED, "data", shows_data)
    run_id = await caller.run("data")
    assert isinstance(await recorder.end_of(run_id), RunSuccess)
    assert "\\r" in log_of(tmp_path, "data", run_id)


async def test_an_in_place_script_from_windows_runs_as_a_clean_copy_and_its_file_stays(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = FAILS.replace(b"\n", b"\r\n")
    await caller.deploy(TRIGGERED, "placed", {"run.sh": script, "settings.job": '{"is_in_place": true}'})
    run_id = await caller.run("placed")
    assert isinstance(await recorder.end_of(run_id), RunFailed)
    assert (job_folder(tmp_path, TRIGGERED, "placed") / "run.sh").read_bytes() == script
    assert "a cleaned copy runs instead of the folder" in log_of(tmp_path, "placed", run_id)


@pytest.mark.parametrize(
    ("name", "script", "shown"),
    [
        ("run.sh", b"#!/usr/bin/env python3\nimport sys; print('py', *sys.argv[1:])\n", "py one two"),
        ("run", b"#!/usr/bin/env python3\r\nimport sys; print('py', *sys.argv[1:])\r\n", "py one two"),
        ("run", b"#!/usr/bin/env -S python3 -X dev\nimport sys; print(sys.flags.dev_mode)\n", "True"),
        ("run.sh", b"#!/bin/sh\necho sh $BASH_VERSION. $*\n", "sh . one two"),
        ("run.sh", b"#!/opt/homebrew/bin/bash -f\necho * $*\n", "* one two"),
        ("run.sh", b"echo ${BASH_VERSION:+bash}\n", "bash"),
        ("run", b"echo plain $*\n", "plain one two"),
    ],
)
async def test_the_interpreter_that_a_script_names_runs_it(
    name: str,
    script: bytes,
    shown: str,
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {name: script}, kind=UploadKind.SCRIPT)
    run_id = await caller.run("job", "one two")
    assert isinstance(await recorder.end_of(run_id), RunSuccess)
    assert f"INFO] {shown}\n" in log_of(tmp_path, "job", run_id)


async def test_a_script_that_names_a_missing_interpreter_is_refused_with_its_name(
    runner: RunningRunner, caller: Caller
) -> None:
    files = {"run.sh": "#!/bin/nosuchshell\necho x\n"}
    reply = await caller.deploy(TRIGGERED, "job", files, expect=ReplyCode.NO_RUNNABLE_SCRIPT)
    assert reply.message == "Found run.sh, which needs /bin/nosuchshell: install it on the runner."


async def test_the_choice_among_several_scripts_is_said(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"setup.py": "raise SystemExit(9)", "work.sh": "true"})
    definition = await definition_of(bus, "job")
    assert definition.script == "work.sh"
    assert "Chose work.sh as the script among 2 candidates: setup.py, work.sh." in definition.warnings[0]
    dropped = job_folder(tmp_path, TRIGGERED, "dropped")
    dropped.mkdir(parents=True)
    (dropped / ".eslintrc.js").write_text("throw 1")
    (dropped / "index.py").write_text("pass")
    await eventually(lambda: bus.jobs.get(Subjects.definition_key(TRIGGERED, "dropped")))
    definition = await definition_of(bus, "dropped")
    assert definition.script == "index.py" and len(definition.warnings) == 1
