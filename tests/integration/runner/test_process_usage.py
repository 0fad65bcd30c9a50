"""What a run is said to have used is what the kernel counted for its processes."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.processes import PYTHON, start
from webjobs_runner.processes.process import Launcher

BURN = """
import os, signal, time
def burn():
    while time.process_time() < 0.3:
        pass
"""
WAITED_FOR = f"""{BURN}
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()
"""
DETACHED = f"""{BURN}
over, end = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        burn()
        os._exit(0)
    os._exit(0)
os.close(end)
os.wait()
os.read(over, 1)
"""
LEFT_OVER = f"""{BURN}
begun, burnt = os.pipe()
if os.fork() == 0:
    os.setsid()
    burn()
    os.write(burnt, b"x")
    signal.pause()
os.read(begun, 1)
"""
NOBODY_WAITED = f"""{BURN}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
over, end = os.pipe()
if os.fork() == 0:
    burn()
    os._exit(0)
os.close(end)
os.read(over, 1)
"""
LARGE_CHILD = """
import os
if os.fork() == 0:
    block = b"x" * 100_000_000
    os._exit(0)
os.wait()
"""


@pytest_asyncio.fixture
async def launcher() -> AsyncIterator[Launcher]:
    async with Launcher("a11ce9") as launcher:
        yield launcher


@pytest.mark.parametrize(
    ("script", "is_counted"),
    [
        pytest.param(f"{BURN}\nburn()", True, id="the script itself"),
        pytest.param(f"{BURN}\nburn()\nos.kill(os.getpid(), 9)", True, id="a script that was killed"),
        pytest.param(WAITED_FOR, True, id="a child that was waited for"),
        pytest.param(DETACHED, True, id="a daemon that ended before the script"),
        pytest.param(LEFT_OVER, True, id="a process that was left and killed"),
        pytest.param(NOBODY_WAITED, False, id="a child that nobody waited for"),
        pytest.param("", False, id="nothing"),
    ],
)
async def test_the_cpu_time_of_a_run_is_that_of_its_processes(
    launcher: Launcher, script: str, is_counted: bool
) -> None:
    usage = (await (await start(launcher, *PYTHON, script)).process.wait()).usage
    assert usage is not None
    assert (usage.cpu_seconds >= 0.3) is is_counted


async def test_the_peak_memory_of_a_run_is_that_of_its_largest_process(launcher: Launcher) -> None:
    small = (await (await start(launcher, *PYTHON, "")).process.wait()).usage
    large = (await (await start(launcher, *PYTHON, LARGE_CHILD)).process.wait()).usage
    assert small is not None and large is not None
    assert small.peak_memory_bytes < 100_000_000 <= large.peak_memory_bytes < 200_000_000


async def test_runs_at_the_same_time_are_counted_apart(launcher: Launcher) -> None:
    idle = await start(launcher, *PYTHON, "import signal; signal.pause()")
    busy = (await (await start(launcher, *PYTHON, DETACHED)).process.wait()).usage
    idle.process.kill()
    idled = (await idle.process.wait()).usage
    assert busy is not None and idled is not None
    assert idled.cpu_seconds < 0.3 <= busy.cpu_seconds
