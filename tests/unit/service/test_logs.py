import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from webjobs_service.logs import configure_logs
from webjobs_service.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_lines_hold_message_facts_level_instant_and_service(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.INFO, LogFormat.JSON)
    structlog.stdlib.get_logger("somewhere").info("batch projected", events=500)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "message": "batch projected",
        "events": 500,
        "level": "info",
        "logger": "somewhere",
        "service": "history",
    }


def test_the_standard_library_logs_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.INFO, LogFormat.JSON)
    logging.getLogger("other").warning("%s is slow", "disk")
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["level"], line["service"]) == ("disk is slow", "warning", "history")


def test_without_a_terminal_auto_means_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.INFO, LogFormat.AUTO)
    structlog.stdlib.get_logger("somewhere").info("started")
    json.loads(capsys.readouterr().err)


def test_console_lines_are_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.INFO, LogFormat.CONSOLE)
    structlog.stdlib.get_logger("somewhere").info("batch projected", events=500)
    line = capsys.readouterr().err
    assert "batch projected" in line and "events=500" in line and not line.startswith("{")


def test_less_serious_messages_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.WARNING, LogFormat.JSON)
    structlog.stdlib.get_logger("somewhere").info("not this")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_tracebacks_show_no_local_variables(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("history", LogLevel.INFO, form)
    password = "".join(["hunt", "er2"])
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.stdlib.get_logger("somewhere").exception("failed")
    written = capsys.readouterr().err
    assert "ValueError" in written and "hunter2" not in written


@pytest.mark.parametrize("where", ["the main thread", "another thread"])
def test_an_uncaught_exception_is_one_json_line(where: str) -> None:
    """Of a process of its own: its last words are its standard error."""
    body = "raise ValueError('first line\\nsecond line')"
    program = f"""
import threading, warnings
from webjobs_service.logs import configure_logs
from webjobs_service.settings import LogFormat, LogLevel
configure_logs("api", LogLevel.INFO, LogFormat.JSON)
warnings.warn("a warning", UserWarning)
def work():
    {body}
{"work()" if where == "the main thread" else "threading.Thread(target=work).start()"}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    warned, failed = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (warned["service"], warned["level"]) == ("api", "warning") and "a warning" in warned["message"]
    assert (failed["service"], failed["level"]) == ("api", "critical")
    assert failed["exception"].startswith("Traceback") and "second line" in failed["exception"]


@pytest.mark.parametrize(
    ("variable", "is_coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True), ("X", False)]
)
def test_redirected_console_lines_are_coloured_on_demand_only(
    variable: str, is_coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "1")
    configure_logs("history", LogLevel.INFO, LogFormat.CONSOLE)
    structlog.stdlib.get_logger("somewhere").info("started")
    assert ("\x1b" in capsys.readouterr().err) is is_coloured
