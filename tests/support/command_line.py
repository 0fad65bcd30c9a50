"""`webjobs` as its user has it: a process, with or without a terminal."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pexpect
from support.stack import WEBJOBS

SECONDS = 60.0  # no command of a test takes longer


class CommandLine:
    """Runs commands against one server, with a home of its own."""

    def __init__(self, url: str, home: Path) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WEBJOBS_")},
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "NO_COLOR": "1",
            "TZ": "UTC",
            "COLUMNS": "200",
        }
        self._environment.pop("PAGER", None)
        self.url = url
        self.home = home

    def environment(self, **variables: str) -> Mapping[str, str]:
        """The variables of a command."""
        return {**self._environment, "WEBJOBS_URL": self.url, **variables}

    def __call__(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without a terminal to its end."""
        return subprocess.run(
            [WEBJOBS, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=cwd or self.home,
            env=self.environment(**variables),
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints with --json."""
        done = self(*arguments)
        assert done.returncode == code, done
        return json.loads(done.stdout)

    def error(self, *arguments: str) -> dict[str, Any]:
        """The error of a command that fails with --json; it prints nothing else."""
        done = self(*arguments)
        assert done.returncode != 0, done
        assert done.stdout == ""
        found = json.loads(done.stderr)["error"]
        assert found.keys() == {"code", "message", "remedy"}
        return {**found, "exit_code": done.returncode}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run a command without a terminal, beside the test."""
        return subprocess.Popen(
            [WEBJOBS, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environment(),
            preexec_fn=_default_signals,
        )

    def on_terminal(self, *arguments: str, **variables: str) -> "pexpect.spawn[str]":
        """Run a command on a terminal of its own."""
        environment = {**self.environment(**variables), "TERM": "xterm"}
        return pexpect.spawn(
            str(WEBJOBS),
            list(arguments),
            env=environment,
            cwd=str(self.home),
            encoding="utf-8",
            timeout=SECONDS,
            preexec_fn=_default_signals,
        )


def _default_signals() -> None:
    """Undo what a background shell or nohup does: a signal that was ignored at the start stays ignored."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def exit_code_on_terminal(child: "pexpect.spawn[str]") -> int:
    """Its exit code, once it has ended by itself."""
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus is None
    assert child.exitstatus is not None
    return int(child.exitstatus)


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # these tests are no coroutines, for which `eventually` is
