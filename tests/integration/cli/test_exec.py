"""`webjobs exec` as a process: what a script is given, what its log looks like, and how it is stopped."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = (sys.executable, "-c", "from webjobs_cli.main import main; main()")
MARK = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > 000000: ([A-Z ]+)\] (.*)")


def job(folder: Path, script: str, settings: str = "{}", name: str = "run.sh") -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_text(script)
    (folder / "settings.job").write_text(settings)
    return folder


def execute(*arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, "exec", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **variables},
        check=False,
    )


def lines(log: str) -> list[tuple[str, str]]:
    found = [MARK.fullmatch(line) for line in log.splitlines()]
    assert None not in found, log
    return [(each[1], each[2]) for each in found if each]


@pytest.mark.parametrize(
    ("script", "code", "end"),
    [
        ("exit 0", 0, [("SYS INFO", "Status changed to Success")]),
        (
            "exit 3",
            3,
            [
                ("SYS ERROR", "Job failed due to exit code 3"),
                ("SYS INFO", "Status changed to Failed"),
            ],
        ),
        (
            "kill -9 $$",
            137,
            [
                ("SYS ERROR", "The script was ended by signal 9."),
                ("SYS INFO", "Status changed to Failed"),
            ],
        ),
    ],
)
def test_the_exit_code_is_the_scripts_and_the_log_that_of_a_runner(
    tmp_path: Path, script: str, code: int, end: list[tuple[str, str]]
) -> None:
    folder = job(tmp_path / "hello", f"echo out\necho error >&2\nprintf 'no end'\n{script}")
    done = execute(folder, "--quiet")
    assert (done.returncode, done.stderr) == (code, "")
    found = lines(done.stdout)
    assert found[:3] == [
        ("SYS INFO", "Status changed to Initializing"),
        ("SYS INFO", "Run script 'run.sh' with script host - 'BashScriptHost'"),
        ("SYS INFO", "Status changed to Running"),
    ]
    assert sorted(found[3:6]) == [("ERROR", "error"), ("INFO", "no end"), ("INFO", "out")]
    assert found[6:] == end


def test_a_script_gets_its_arguments_settings_and_a_site_of_its_own(tmp_path: Path) -> None:
    script = """
import json, os, sys
print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), os.listdir(), sys.stdin.read()]))
open("left", "w")
"""
    settings = '{"env": {"OWN": "1", "BOTH": "job"}}'
    folder = job(tmp_path / "facts", script, settings, name="run.py")
    (folder / "lib").mkdir()
    (folder / "lib" / "a.txt").write_text("a")
    done = execute(
        folder, "--quiet", "--setting", "BOTH=app", "--setting", "APP=2", "--", "a b", "--json",
        WEBJOBS_PASSWORD="secret",
    )  # fmt: skip
    assert done.returncode == 0, done
    text = next(text for level, text in lines(done.stdout) if level == "INFO")
    arguments, variables, cwd, names, given = json.loads(text)
    assert (arguments, given, sorted(names)) == (["a b", "--json"], "", ["lib", "run.py"])
    assert (variables["OWN"], variables["BOTH"], variables["APP"]) == ("1", "job", "2")
    assert variables["WEBJOBS_NAME"] == "facts"
    assert variables["WEBJOBS_TYPE"] == "triggered"
    assert variables["WEBJOBS_COMMAND_ARGUMENTS"] == "'a b' --json"
    assert re.fullmatch(r"\d{18}", variables["WEBJOBS_RUN_ID"])
    assert variables["WEBJOBS_PATH"] == cwd
    assert "WEBJOBS_PASSWORD" not in variables
    assert not Path(variables["HOME"]).exists()
    assert sorted(path.name for path in folder.iterdir()) == ["lib", "run.py", "settings.job"]


def test_a_script_with_windows_line_ends_runs_and_the_log_says_why(tmp_path: Path) -> None:
    folder = job(tmp_path / "crlf", "echo hello\r\n")
    done = execute(folder, "--quiet")
    found = lines(done.stdout)
    assert ("INFO", "hello") in found
    assert next(text for level, text in found if level == "SYS WARN").startswith("run.sh was cleaned")
    assert (folder / "run.sh").read_bytes() == b"echo hello\r\n"


def test_a_continuous_job_has_a_port(tmp_path: Path) -> None:
    folder = job(tmp_path / "continuous" / "web", 'echo "port $WEBJOBS_PORT $WEBJOBS_TYPE"')
    done = execute(folder)
    assert any(re.fullmatch(r"port \d+ continuous", text) for _, text in lines(done.stdout))
    assert "It is not started again when it ends" in done.stderr


@pytest.mark.parametrize(
    ("number", "code", "watched"), [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)]
)
def test_a_signal_stops_the_script_as_its_settings_say(
    tmp_path: Path, number: signal.Signals, code: int, watched: bool
) -> None:
    waiting = (
        'echo ready; while [ ! -e "$WEBJOBS_SHUTDOWN_FILE" ]; do sleep 0.05; done; echo asked by file; exit 0'
        if watched
        else "trap 'echo asked by signal; exit 0' TERM\nsleep 300 &\necho ready\nwait"
    )
    folder = job(tmp_path / "slow", waiting)
    with subprocess.Popen(
        [*PROGRAM, "exec", str(folder), "--quiet"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        read: list[str] = []
        while not read or not read[-1].rstrip().endswith("ready"):
            read.append(process.stdout.readline())
            assert read[-1], read
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == code
    assert f"asked by {'file' if watched else 'signal'}" in rest
    assert lines(rest)[-2:] == [
        ("SYS ERROR", "Stopped by a person. It ended within its grace."),
        ("SYS INFO", "Status changed to Aborted"),
    ]


def test_a_script_that_takes_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    folder = job(
        tmp_path / "slow",
        f"trap '' TERM\nsleep 300 &\necho $$ $! > {pids}\nwhile :; do sleep 1; done",
        '{"timeout": 0.5, "stopping_wait_time": 0.2}',
    )
    done = execute(folder, "--quiet")
    assert done.returncode == 124
    assert any("the limit is 0.5 s" in text for level, text in lines(done.stdout) if level == "SYS WARN")
    for pid in pids.read_text().split():
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rpartition(") ")[2].startswith("Z")


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        ("notes.md", "{}", "No runnable script: found only notes.md."),
        ("run.sh", '{"timeout": "long"}', "timeout in settings.job"),
    ],
)
def test_what_a_server_refuses_is_not_run(tmp_path: Path, script: str, settings: str, message: str) -> None:
    done = execute(job(tmp_path / "bad", "echo no", settings, name=script))
    assert (done.returncode, done.stdout) == (125, "")
    assert message in done.stderr
    assert "See `webjobs lint" in done.stderr


def test_json_is_alone_on_the_standard_output(tmp_path: Path) -> None:
    done = execute(job(tmp_path / "hello", "echo out; exit 4"), "--json=status,reason,exit_code,differences")
    report = json.loads(done.stdout)
    codes = [each["code"] for each in report.pop("differences")]
    assert report == {"status": "Failed", "reason": "exit_code", "exit_code": 4}
    assert codes == ["temporary_site", "app_settings", "no_idle_timeout"]
    assert ("INFO", "out") in lines(done.stderr)
    assert done.returncode == 4


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    execute(job(tmp_path / "hello", "mkdir a; echo > a/b; sleep 300 &"), TMPDIR=str(temporary))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "report", "warning"),
    [
        (
            "echo '{\"rows\": 3}' > $WEBJOBS_RESULT_FILE; echo '0.4 loading' >> $WEBJOBS_PROGRESS_FILE",
            {"result": {"rows": 3}, "result_bytes": 12, "progress": 0.4, "progress_text": "loading"},
            "",
        ),
        (
            "echo '{rows' > $WEBJOBS_RESULT_FILE",
            {"result": None, "result_bytes": None, "progress": None, "progress_text": ""},
            "The result is not valid JSON",
        ),
    ],
)
def test_what_the_script_reports_is_in_the_report(
    tmp_path: Path, script: str, report: dict[str, Any], warning: str
) -> None:
    done = execute(job(tmp_path / "hello", script), f"--json={','.join(report)}", "--quiet")
    assert json.loads(done.stdout) == report
    warnings = [text for level, text in lines(done.stderr) if level == "SYS WARN"]
    assert [text.startswith(warning) for text in warnings] == ([True] if warning else [])


def test_a_zip_is_run_and_its_folder_removed(tmp_path: Path) -> None:
    folder = job(tmp_path / "report", 'echo "$1 from $WEBJOBS_NAME"; cat data.txt; exit 3')
    (folder / "data.txt").write_text("data\n")
    archive = shutil.make_archive(str(tmp_path / "report"), "zip", folder)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ended = execute(archive, "--quiet", "--", "hello", TMPDIR=str(temporary))
    assert ended.returncode == 3, ended.stderr
    said = [text for _, text in lines(ended.stdout)]
    assert "hello from report" in said and "data" in said
    assert list(temporary.iterdir()) == []
    (tmp_path / "report.zip").write_bytes(Path(archive).read_bytes()[:-30])
    refused = execute(archive, TMPDIR=str(temporary))
    assert refused.returncode == 125 and "cut short" in refused.stderr
    assert list(temporary.iterdir()) == []
