"""`webjobs doctor`: what it says of this machine and of servers, good ones and others."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from webjobs_cli.machine_checks import machine_checks
from webjobs_cli.server_checks import server_checks
from webjobs_cli.shapes.doctor import DoctorCheck
from webjobs_cli.target import Target

PROGRAM = (sys.executable, "-c", "from webjobs_cli.main import main; main()")
READY = {"status": "ready", "version": version("webjobs"), "checks": ["nats", "runner"]}
NOT_READY = {
    "status": "not ready",
    "version": version("webjobs"),
    "missing": {"history": "it does not answer"},
}
NOTED = {**READY, "notes": {"events": "3 events are missing"}}


@contextmanager
def server(
    health: object, *, status: int = 200, jobs: int = 200, ahead: timedelta = timedelta()
) -> Iterator[str]:
    """A server with the given answers; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(health if self.path == "/healthz" else []).encode()
            self.send_response_only(status if self.path == "/healthz" else jobs)
            self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def levels(checks: list[DoctorCheck]) -> dict[str, str]:
    return {each.id: each.level for each in checks}


GOOD = {"server": "ok", "server_version": "ok", "clock": "ok", "server_parts": "ok", "login": "ok"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"health": READY}, GOOD),
        ({"health": {**READY, "version": "0.0.1"}}, {**GOOD, "server_version": "warning"}),
        ({"health": READY, "ahead": timedelta(seconds=20)}, {**GOOD, "clock": "warning"}),
        ({"health": READY, "ahead": timedelta(hours=-1)}, {**GOOD, "clock": "failed"}),
        ({"health": NOTED}, {**GOOD, "note_events": "warning"}),
        ({"health": READY, "jobs": 401}, {**GOOD, "login": "failed"}),
        ({"health": READY, "jobs": 500}, {**GOOD, "login": "failed"}),
        ({"health": "hello"}, {"server": "failed"}),
        ({"health": READY, "status": 404}, {"server": "failed"}),
        (
            {"health": NOT_READY, "status": 503},
            {"server_history": "failed", **{name: "ok" for name in GOOD if name != "server_parts"}},
        ),
    ],
)  # fmt: skip
def test_a_server_is_checked(answers: dict[str, Any], expected: dict[str, str]) -> None:
    with server(**answers) as url:
        checks = list(server_checks(Target(url, None, None, "--url")))
    assert levels(checks) == expected
    assert all(each.remedy for each in checks if each.level in ("failed", "warning"))


@pytest.mark.parametrize(("source", "level"), [("default", "note"), ("WEBJOBS_URL", "failed")])
def test_only_a_server_that_was_named_has_to_be_there(source: str, level: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (check,) = server_checks(Target(url, None, None, source))
    assert (check.id, check.level) == ("server", level)
    assert "cannot be reached" in check.message
    assert check.remedy


def doctor(
    folder: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEBJOBS_")}
    return subprocess.run(
        [*PROGRAM, "doctor", *arguments],
        cwd=folder,
        env={**environment, "XDG_CONFIG_HOME": str(folder), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_fault_of_a_machine_fails_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = doctor(
            tmp_path, "--json", "--data", "file", "--port", str(other.getsockname()[1]),
            variables={
                "WEBJOBS_DISK_RESERVE_MB": "999999999",
                "WEBJOBS_SCRIPT_HOSTS": "{",
                "TMPDIR": str(tmp_path / "none"),
                "WEBJOBS_URL": "http://127.0.0.1:1",
                "PATH": str(tmp_path),
            },
        )  # fmt: skip
    checks = {each["id"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 1
    assert {name for name, each in checks.items() if each["level"] == "failed"} == {
        "data_folder",
        "disk",
        "port",
        "script_hosts",
        "server",
    }
    assert checks["interpreter_bash"]["level"] == "note"
    assert all(each["remedy"] for each in checks.values() if each["level"] != "ok")
    assert all(each["remedy"] == "" for each in checks.values() if each["level"] == "ok")


def test_a_configuration_of_pip_that_is_not_read_is_named(tmp_path: Path) -> None:
    config = tmp_path / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[global]\nindex-url = https://name:secret@packages.example.com/simple\n")
    given = {"PATH": "", "HOME": str(tmp_path), "PIP_INDEX_URL": "https://name:secret@example.com"}
    checks = {each.id: each for each in machine_checks(tmp_path, 65_432, given)}
    found = checks["package_index"]
    assert (found.level, str(config) in found.message) == ("warning", True)
    assert "PIP_INDEX_URL" in found.message and "secret" not in found.message
    given["UV_DEFAULT_INDEX"] = "https://example.com"
    assert "package_index" not in {each.id for each in machine_checks(tmp_path, 65_432, given)}


def test_environments_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "site" / "data" / ".environments" / "python"
    folder.mkdir(parents=True)
    for name, text in (("a", '{"contents": {"bytes": 3145728}}'), ("b", "half"), ("c", "[]")):
        (folder / f"{name}.json").write_text(text)
    checks = {each.id: each for each in machine_checks(tmp_path, 65_432, {"PATH": ""})}
    assert checks["environments"].message == "1 environment with packages of jobs, 3 MB"


def test_people_get_a_line_for_each_check_and_one_for_what_to_do(tmp_path: Path) -> None:
    with server(NOT_READY, status=503) as url:
        done = doctor(tmp_path, "--url", url, "--port", str(url.rpartition(":")[2]))
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert any(line.startswith("✓ python ") for line in lines)
    at = next(index for index, line in enumerate(lines) if line.startswith("✗ server_history "))
    assert lines[at].endswith("history: it does not answer")
    assert lines[at + 1].strip() == "→ Start history, or see its log and that of Postgres."
    assert lines[-1].endswith("checks failed")


def test_a_machine_with_the_client_alone_has_its_version_and_no_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version_of(distribution: str) -> str:
        if distribution == "webjobs-client":
            return "1.2.3"
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr("webjobs_cli.release.version", version_of)
    monkeypatch.setattr("webjobs_cli.machine_checks.version", version_of)
    checks = {each.id: each for each in machine_checks(tmp_path, 65_432, {"PATH": ""})}
    assert checks["version"].message == "webjobs 1.2.3"
    assert (checks["embedded_servers"].level, checks["embedded_servers"].remedy) == (
        "note",
        "Run `pip install webjobs`.",
    )
