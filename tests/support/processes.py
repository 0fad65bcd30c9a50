"""Scripts to start in tests of processes, what they wrote, and whether they live."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from webjobs_runner.processes.process import Launcher, ScriptProcess

PYTHON = (sys.executable, "-I", "-S", "-c")

# Leaves a process that escapes in every way there is: forked twice, in its own session, with no
# environment, deaf to SIGTERM, its parent long gone. Its pid is on standard output when this returns.
ESCAPE = """
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b'%d\\n' % os.getpid())
        os.execve('/bin/sleep', ['sleep', '1000'], {})
    os._exit(0)
os.wait()
"""


class Started:
    """A script that runs, with all it has written so far."""

    def __init__(self) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.process: ScriptProcess

    @property
    def words(self) -> list[str]:
        return self.stdout.decode().split()


async def start(launcher: Launcher, *argv: str, cwd: str = "/", env: dict[str, str] | None = None) -> Started:
    """Start a program that writes into the answer."""
    started = Started()
    started.process = await launcher.spawn(
        argv,
        cwd=cwd,
        env={"PATH": os.defpath} if env is None else env,
        on_stdout=started.stdout.extend,
        on_stderr=started.stderr.extend,
    )
    return started


def installers(site: Path, *names: str) -> list[psutil.Process]:
    """Programs that runners of a site have started to install packages: their HOME is in its folder.

    Args:
        site: The folder, or one above it.
        names: How their names begin; none: every program.
    """
    found = []
    for process in psutil.process_iter(["name", "environ"]):
        with contextlib.suppress(psutil.Error):
            home = (process.info["environ"] or {}).get("HOME", "")
            if home.startswith(str(site)) and (not names or process.info["name"].startswith(names)):
                found.append(process)
    return found


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def none_alive(pids: Sequence[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)
