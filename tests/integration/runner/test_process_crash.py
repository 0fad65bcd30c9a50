import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.eventually import eventually
from support.processes import ESCAPE, PYTHON, is_alive, none_alive, start
from webjobs_runner.errors import InstanceInUse, ScriptNotStarted
from webjobs_runner.processes.leftovers import kill_leftovers
from webjobs_runner.processes.process import Launcher, ProcessExit
from webjobs_runner.processes.process_tree import claim_instance

# A runner with one script that has an escaped child; writes the pids: launcher, script, child.
RUNNER = f"""
import asyncio, os, sys
from webjobs_runner.processes.process import Launcher

async def main():
    async with Launcher(sys.argv[1]) as launcher:
        written = asyncio.Event()
        def tell(data):
            os.write(1, b'%d %d %s' % (launcher.pid, process.pid, data))
        process = await launcher.spawn(
            {(*PYTHON, ESCAPE + "signal.pause()")!r},
            cwd='/', env={{}}, on_stdout=tell, on_stderr=tell,
        )
        await process.wait()

asyncio.run(main())
"""


@contextmanager
def runner(instance_id: str) -> Iterator[tuple[int, list[int]]]:
    """A runner in a process of its own: its pid, and those of its launcher, script and script's child."""
    process = subprocess.Popen([sys.executable, "-c", RUNNER, instance_id], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids: list[int] = []
    try:
        pids += map(int, process.stdout.readline().split())
        yield process.pid, pids
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


async def test_a_killed_runner_leaves_no_descendant() -> None:
    with runner("a11ce3") as (pid, descendants):
        assert all(map(is_alive, descendants))
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: none_alive(descendants))


async def test_a_killed_process_group_of_the_runner_leaves_no_descendant() -> None:
    with runner("a11ce4") as (pid, descendants):
        assert len({os.getpgid(process) for process in (pid, *descendants)}) == 4
        assert len({os.getsid(process) for process in (pid, *descendants)}) == 4
        os.kill(pid, signal.SIGTERM)
        await eventually(lambda: none_alive(descendants))


async def test_what_outlives_runner_and_launcher_is_killed_at_the_next_start() -> None:
    with runner("a11ce5") as (pid, (launcher, script, escaped)):
        os.kill(pid, signal.SIGSTOP)  # or it would notice the death of its launcher
        os.kill(launcher, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: none_alive([pid, launcher]))
        assert is_alive(script)
        assert is_alive(escaped)
        assert kill_leftovers("a11ce6") == ()
        killed = kill_leftovers("a11ce5")
        assert sorted(int(name.rpartition("(")[2][:-1]) for name in killed) == sorted([script, escaped])
        assert none_alive([script, escaped])


def test_what_a_live_runner_of_the_same_name_started_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webjobs_runner.processes.leftovers._PATIENCE_SECONDS", 0.1)
    with runner("a11ce7") as (_, descendants):
        with pytest.raises(InstanceInUse, match="a11ce7"):
            kill_leftovers("a11ce7")
        assert all(map(is_alive, descendants))


async def test_scripts_of_a_killed_launcher_are_killed_and_told_as_lost() -> None:
    async with Launcher("a11ce8") as launcher:
        script = await start(launcher, *PYTHON, ESCAPE + "signal.pause()")
        await eventually(lambda: b"\n" in script.stdout)
        assert launcher.pid
        os.kill(launcher.pid, signal.SIGKILL)
        assert await asyncio.wait_for(script.process.wait(), 30) == ProcessExit(lost=True)
        assert none_alive([script.process.pid, int(script.words[0])])
        again = await start(launcher, "/bin/sh", "-c", "exit 3")
        assert await again.process.wait() == ProcessExit(3)


async def test_a_launcher_killed_while_it_starts_a_script_says_so() -> None:
    async with Launcher("a11ce9") as launcher:
        assert launcher.pid
        os.kill(launcher.pid, signal.SIGSTOP)
        starting = asyncio.create_task(start(launcher, "/bin/sleep", "1000"))
        await asyncio.sleep(0)
        os.kill(launcher.pid, signal.SIGKILL)
        with pytest.raises(ScriptNotStarted, match="launcher died"):
            await starting
        assert await (await start(launcher, "/bin/cat", "/dev/null")).process.wait() == ProcessExit(0)


async def test_a_launcher_that_hangs_is_killed_with_its_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webjobs_runner.processes.process._CLOSE_SECONDS", 0.1)
    async with Launcher("a11cf0") as launcher:
        script = await start(launcher, *PYTHON, ESCAPE + "signal.pause()")
        await eventually(lambda: b"\n" in script.stdout)
        os.kill(launcher.pid or 0, signal.SIGSTOP)
    ended = await script.process.wait()
    assert (ended, ended.usage) == (ProcessExit(lost=True), None)
    assert none_alive([script.process.pid, int(script.words[0])])


async def test_two_launchers_of_one_instance_do_not_touch_each_others_scripts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_runner.processes.leftovers._PATIENCE_SECONDS", 0.1)
    with runner("a11cf1") as (_, descendants):
        async with Launcher("a11cf1") as launcher:
            with pytest.raises(ScriptNotStarted, match="launcher died"):
                await asyncio.wait_for(start(launcher, "/bin/cat"), 20)
        assert all(map(is_alive, descendants))


async def test_signals_meant_for_the_runner_do_not_end_the_launcher() -> None:
    async with Launcher("a11cea") as launcher:
        script = await start(launcher, "/bin/sleep", "1000")
        pid = launcher.pid or 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
        script.process.send(signal.SIGTERM)
        assert await script.process.wait() == ProcessExit(signal=15)
        assert launcher.pid == pid


def test_a_name_is_taken_by_one_process_and_free_when_it_lets_go() -> None:
    claim = claim_instance("a11ceb")
    assert claim is not None
    with claim:
        assert claim_instance("a11ceb") is None
    second = claim_instance("a11ceb")
    assert second is not None
    second.close()
