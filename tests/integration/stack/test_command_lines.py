"""What `--help`, `--version` and wrong arguments do: the three services, and the `webjobs` command."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from support.stack import WEBJOBS
from webjobs_api.settings import ApiSettings
from webjobs_history.settings import HistorySettings
from webjobs_runner.settings import RunnerSettings
from webjobs_service.settings import ServiceSettings, variables

SERVICES: dict[str, type[ServiceSettings]] = {
    "webjobs_api": ApiSettings,
    "webjobs_runner": RunnerSettings,
    "webjobs_history": HistorySettings,
}
HEAVY = ("aiohttp", "asyncio", "nats", "pydantic", "sqlalchemy", "structlog")
# Nothing listens there: a service that starts all the same would wait for it.
NOWHERE = {"WEBJOBS_NATS_URL": "nats://127.0.0.1:1", "WEBJOBS_DATABASE_URL": "postgresql://x:y@127.0.0.1:1/z"}


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={"COLUMNS": "100", **environment}
    )


@pytest.mark.parametrize("module", SERVICES)
def test_help_lists_the_options_and_every_variable(module: str) -> None:
    ended = run(sys.executable, "-m", module, "--help", **NOWHERE)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: python -m {module} ")
    assert "--version" in ended.stdout
    listed = re.findall(r"(?m)^  (WEBJOBS_[A-Z_]+)", ended.stdout)
    assert listed == sorted(variables(SERVICES[module]))


@pytest.mark.parametrize("module", SERVICES)
def test_the_version_is_printed_without_loading_the_service(module: str) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--version']\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__')\n"
        "finally:\n"
        f"    sys.stderr.write(' '.join(name for name in {HEAVY} if name in sys.modules))\n"
    )
    ended = run(sys.executable, "-c", program)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", f"webjobs {version('webjobs')}\n")


@pytest.mark.parametrize("module", SERVICES)
@pytest.mark.parametrize("wrong", ["--versio", "-x", "start", "--help=yes", "--port=8080"])
def test_other_arguments_are_refused_with_the_usage(module: str, wrong: str) -> None:
    ended = run(sys.executable, "-m", module, wrong, **NOWHERE)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"usage: python -m {module} ")


def test_the_commands_of_history_have_their_own_help() -> None:
    ended = run(sys.executable, "-m", "webjobs_history", "rebuild", "--help")
    assert ended.returncode == 0
    assert "--recreate-tables" in ended.stdout and "WEBJOBS_" not in ended.stdout


def test_the_command_prints_its_version_and_the_help_of_up() -> None:
    assert run(str(WEBJOBS), "--version").stdout == f"webjobs {version('webjobs')}\n"
    ended = run(str(WEBJOBS), "up", "--help")
    assert ended.returncode == 0
    for word in ("--data", "--runners", "8080", "WEBJOBS_NATS_URL", "WEBJOBS_LOG_FORMAT", "webjobs_runner"):
        assert word in ended.stdout


@pytest.mark.parametrize("arguments", [("down",), ("up", "now"), ("up", "--versio"), ("repair", "--all")])
def test_the_command_refuses_other_arguments_in_one_line(arguments: tuple[str, ...]) -> None:
    ended = run(str(WEBJOBS), *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("webjobs: ") and line.endswith("--help`.")
