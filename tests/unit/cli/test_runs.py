"""What commands make of runs, logs, packages and metrics: exit codes, lines, figures."""

from datetime import UTC, datetime
from typing import Any

import click
import pytest
from webjobs_cli.commands.deploy import lines_of
from webjobs_cli.commands.runs import runs
from webjobs_cli.commands.status import parts_of
from webjobs_cli.exit_codes import exit_code_of
from webjobs_cli.log_lines import LogRow, row_of
from webjobs_cli.shapes.deploy import Deployed
from webjobs_cli.shapes.status import Part
from webjobs_client.models import Disk, HistoryService, Queue, RunDetails, Runner, Stream, System
from webjobs_events.queries import TriggerKind

AT = datetime(2013, 11, 8, 2, 56, tzinfo=UTC)


def ended(**fields: Any) -> RunDetails:
    """A run that has ended."""
    known: dict[str, Any] = {
        "id": "1", "job_name": "hello", "status": "Failed", "start_time": AT, "end_time": AT,
        "duration": "00:00:00", "url": "", "output_url": "", "trigger": "",
    }  # fmt: skip
    return RunDetails(**(known | fields))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "Success", "reason": "exit_code", "exit_code": 0}, 0),
        ({"reason": "exit_code", "exit_code": 3}, 3),
        ({"status": "Success", "reason": "exit_code", "exit_code": 7}, 7),
        ({"reason": "exit_code", "exit_code": 123}, 123),
        ({"reason": "exit_code", "exit_code": 124}, 123),
        ({"reason": "exit_code", "exit_code": 255}, 123),
        ({"reason": "signal", "signal": 9}, 137),
        ({"reason": "signal", "signal": 15, "status": "Aborted"}, 143),
        ({"reason": "idle_timeout", "signal": 9, "status": "Aborted"}, 124),
        ({"reason": "max_duration", "exit_code": 0, "status": "Aborted"}, 124),
        ({"reason": "cancelled", "signal": 15, "status": "Aborted"}, 130),
        ({"reason": "runner_lost", "status": "Aborted"}, 125),
        ({"reason": "host_shutdown", "signal": 15, "status": "Aborted"}, 125),
        ({"reason": "start_error"}, 125),
        ({"reason": "missing_interpreter"}, 125),
        ({"reason": "deleted", "status": "Aborted"}, 125),
        ({"reason": "invented_later", "status": "Aborted"}, 125),
        ({"reason": None, "status": "Success"}, 0),
    ],
)
def test_the_exit_code_follows_from_the_end_of_the_run(fields: dict[str, Any], code: int) -> None:
    assert exit_code_of(ended(**fields)) == code


@pytest.mark.parametrize(
    ("mark", "text", "stream", "level"),
    [
        ("INFO", "hello", "stdout", "info"),
        ("ERROR", "oops]", "stderr", "error"),
        ("SYS INFO", "x", "system", "info"),
        ("SYS WARN", "x", "system", "warn"),
        ("INFO", "", "stdout", "info"),
    ],
)
def test_the_mark_of_a_line_is_read(mark: str, text: str, stream: str, level: str) -> None:
    line = f"[11/08/2013 02:56:00 > 327e1e: {mark}] {text}"
    assert row_of(line) == LogRow(AT, stream, level, text, instance="327e1e")


@pytest.mark.parametrize("line", ["[99/99/2013 02:56:00 > a: INFO] x", "plain", ""])
def test_a_line_without_a_mark_is_text_alone(line: str) -> None:
    assert row_of(line) == LogRow(None, "stdout", "info", line)


def deployed(**fields: Any) -> Deployed:
    """An upload."""
    known: dict[str, Any] = {
        "name": "report", "type": "triggered", "script": "run.py", "files": 14, "bytes": 82_000, "digest": "",
        "left_out": {}, "warnings": [], "dry_run": False, "url": "",
    }  # fmt: skip
    return Deployed(**(known | fields))


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"left_out": {".venv/": 1204, ".env": 1}, "warnings": ["main.py is not run."]},
            [
                "uploaded 14 files, 82 kB; left out .venv (1,204 files), .env",
                "triggered job report runs run.py",
                "warning: main.py is not run.",
            ],
        ),
        ({"dry_run": True, "script": None, "files": 1, "bytes": 57}, ["would upload 1 file, 57 B"]),
        ({"files": None, "script": None}, ["uploaded an archive, 82 kB"]),
        (
            {"left_out": {f"{n}.pyc": 1 for n in range(7)}, "script": None},
            ["uploaded 14 files, 82 kB; left out 0.pyc, 1.pyc, 2.pyc, 3.pyc, 4.pyc and 2 more"],
        ),
    ],
)
def test_an_upload_is_summed_up(fields: dict[str, Any], lines: list[str]) -> None:
    assert list(lines_of(deployed(**fields))) == lines


def test_status_shows_each_part_with_its_release_and_figures() -> None:
    disk = Disk(free_bytes=7, total_bytes=9, reserve_bytes=1, is_low=False)
    system = System(
        version="2",
        host="vm",
        queue=Queue(waiting=3, begun=1),
        runners=[Runner(id="d77e97", up=True, version="1", slots=4, slots_in_use=2, disk=disk)],
        histories=[HistoryService(instance="vm:1", up=False)],
        streams=[Stream(name="A", bytes=5), Stream(name="B", bytes=6), Stream(name="C")],
    )
    assert parts_of(system) == [
        Part("api", "vm", True, {}, "2"),
        Part("history", "vm:1", False, {}),
        Part("nats", "", True, {"runs_waiting": 3, "runs_begun": 1, "streams_bytes": 11}),
        Part(
            "runner",
            "d77e97",
            True,
            {"slots": 4, "slots_in_use": 2, "disk_free_bytes": 7, "disk_reserve_bytes": 1},
            "1",
        ),
    ]


def test_runs_are_filtered_by_every_trigger_that_the_api_knows() -> None:
    (option,) = (each for each in runs.params if each.name == "trigger")
    assert isinstance(option.type, click.Choice)
    assert set(option.type.choices) == set(TriggerKind)
