import os

from support.eventually import eventually
from support.processes import PYTHON, start
from webjobs_runner.processes.cpu_time import cpu_seconds_of_tree, usage_of_trees
from webjobs_runner.processes.process import Launcher

# A detached process that works for half a second of CPU time and then sleeps; its parent only waits.
BUSY_DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while time.process_time() < 0.5:
            pass
        os.write(1, b'done')
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
"""


async def test_the_cpu_time_of_a_detached_process_counts_for_its_run() -> None:
    async with Launcher("a11cec") as launcher:
        busy = await start(launcher, *PYTHON, BUSY_DAEMON)
        idle = await start(launcher, "/bin/sleep", "1000")
        await eventually(lambda: busy.stdout)
        assert 0.4 < cpu_seconds_of_tree(busy.process.pid) < 2
        assert cpu_seconds_of_tree(idle.process.pid) < 0.1
        assert cpu_seconds_of_tree(idle.process.pid) == cpu_seconds_of_tree(idle.process.pid)
        used = usage_of_trees([busy.process.pid, idle.process.pid, 2**22, os.getpid()])
        assert used.keys() == {busy.process.pid, idle.process.pid}
        assert 0.4 < used[busy.process.pid].cpu_seconds < 2 and used[idle.process.pid].cpu_seconds < 0.1
        assert used[busy.process.pid].memory_bytes > used[idle.process.pid].memory_bytes > 100_000


def test_a_process_that_is_gone_or_not_a_script_counts_nothing() -> None:
    assert cpu_seconds_of_tree(2**22) == 0
    assert cpu_seconds_of_tree(os.getpid()) == 0
