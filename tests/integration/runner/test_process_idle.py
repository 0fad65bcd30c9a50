import asyncio
import time

from support.eventually import eventually
from support.processes import PYTHON, start
from webjobs_runner.processes.idle import wait_until_idle
from webjobs_runner.processes.process import Launcher


async def test_a_sleeping_run_is_found_idle_at_its_limit() -> None:
    async with Launcher("a11ced") as launcher:
        script = await start(launcher, "/bin/sleep", "1000")
        began = time.monotonic()
        evidence = await asyncio.wait_for(wait_until_idle(script.process.pid, lambda: 0, lambda: 0.5), 30)
        assert 0.5 <= time.monotonic() - began < 5
        assert "WEBJOBS_IDLE_TIMEOUT" in evidence


async def test_a_run_that_works_or_writes_is_not_idle() -> None:
    async with Launcher("a11cee") as launcher:
        working = await start(launcher, *PYTHON, "while True: pass")
        writing = await start(launcher, "/bin/sh", "-c", "while echo .; do sleep 0.05; done")
        await eventually(lambda: writing.stdout)
        looks = [
            asyncio.create_task(wait_until_idle(working.process.pid, lambda: 0, lambda: 0.3)),
            asyncio.create_task(wait_until_idle(1, lambda: len(writing.stdout), lambda: 0.3)),
        ]
        try:
            assert not (await asyncio.wait(looks, timeout=1))[0]
        finally:
            for state in looks:
                state.cancel()
            await asyncio.wait(looks)
