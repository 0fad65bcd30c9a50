import asyncio
import os
from collections.abc import AsyncIterator

import pytest_asyncio
from support.eventually import eventually
from support.processes import ESCAPE, PYTHON, is_alive, start
from webjobs_runner.processes.process import Launcher, ProcessExit
from webjobs_runner.processes.process_tree import processes_of_run

# Each generation lives for an instant in its own session and leaves one child.
HOP = """
import os
import signal
if os.fork() == 0:
    os.write(1, b'x')
    while True:
        os.setsid()
        if os.fork():
            os._exit(0)
os.read(0, 1)
"""


@pytest_asyncio.fixture
async def launcher() -> AsyncIterator[Launcher]:
    async with Launcher("a11ce2") as launcher:
        yield launcher


async def test_a_child_that_holds_the_output_does_not_keep_the_run(launcher: Launcher) -> None:
    script = await start(launcher, "/bin/bash", "-c", "sleep 1000 & echo $!")
    ended = await asyncio.wait_for(script.process.wait(), 30)
    assert ended == ProcessExit(0, leftovers=(f"sleep ({script.words[0]})",))
    assert not is_alive(int(script.words[0]))


async def test_a_child_that_escapes_in_every_way_is_dead_before_the_end_is_told(launcher: Launcher) -> None:
    script = await start(launcher, *PYTHON, ESCAPE)
    ended = await asyncio.wait_for(script.process.wait(), 30)
    assert ended == ProcessExit(0, leftovers=(f"sleep ({script.words[0]})",))
    assert not is_alive(int(script.words[0]))


async def test_a_child_that_ends_by_itself_in_time_is_not_a_leftover(launcher: Launcher) -> None:
    late = 'exec > >(while read -r line; do echo "late $line"; done); echo one; echo two'
    script = await start(launcher, "/bin/bash", "-c", late)
    assert await script.process.wait() == ProcessExit(0)
    assert script.stdout == b"late one\nlate two\n"


async def test_only_the_orphans_of_the_run_that_ended_die(launcher: Launcher) -> None:
    staying = await start(launcher, *PYTHON, ESCAPE + "signal.pause()")
    await eventually(lambda: b"\n" in staying.stdout)
    going = await start(launcher, *PYTHON, ESCAPE)
    await going.process.wait()
    assert is_alive(int(staying.words[0]))
    assert not is_alive(int(going.words[0]))
    staying.process.kill()
    await staying.process.wait()
    assert not is_alive(int(staying.words[0]))


async def test_a_whole_tree_of_leftovers_dies(launcher: Launcher) -> None:
    tree = (
        "for i in 1 2 3; do setsid bash -c 'sleep 1000 & (setsid sleep 1000 & sleep 1000)' & done; sleep 0.2"
    )
    script = await start(launcher, "/bin/bash", "-c", tree)
    ended = await script.process.wait()
    assert len(ended.leftovers) >= 9
    assert not any(is_alive(int(name.split("(")[1][:-1])) for name in ended.leftovers)


async def test_a_process_that_keeps_hopping_to_a_new_session_is_caught(launcher: Launcher) -> None:
    script = await start(launcher, *PYTHON, HOP)
    await eventually(lambda: script.stdout)
    ended = await asyncio.wait_for(script.process.wait(), 30)
    assert ended.exit_code == 0


async def test_all_processes_of_a_run_are_found_by_their_tag(launcher: Launcher) -> None:
    script = await start(launcher, *PYTHON, ESCAPE + "signal.pause()")
    other = await start(launcher, "/bin/sleep", "1000")
    await eventually(lambda: b"\n" in script.stdout)
    assert sorted(processes_of_run(script.process.pid)) == sorted([script.process.pid, int(script.words[0])])
    assert processes_of_run(other.process.pid) == [other.process.pid]
    assert processes_of_run(os.getpid()) == []
