"""`webjobs up` with the real services: start, survive, refuse a second one, stop, keep what was there."""

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from support.clusters import put_cluster
from support.eventually import eventually
from support.process_search import processes_with, processes_working_in
from webjobs_stack.folder import LEFTOVER_SECONDS
from webjobs_stack.ports import free_port

WEBJOBS = Path(sys.executable).with_name("webjobs")
READY = "webjobs is ready: "


class Up:
    """One `webjobs up`, what it has said so far, and a mark in the environment of all its processes."""

    def __init__(
        self, process: asyncio.subprocess.Process, data: Path, output: Path, url: str, marker: str
    ) -> None:
        self.process = process
        self._data = data
        self.url = url
        self.marker = marker
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text(errors="replace")

    async def until_said(self, words: str, timeout: float = 90.0) -> None:
        try:
            await eventually(lambda: words in self.said or self.process.returncode is not None, timeout)
            assert words in self.said
        except AssertionError as error:
            raise AssertionError(self.said[-6000:]) from error

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(60):
            return await self.process.wait()

    def pid_of(self, module: str) -> int:
        # The environment of a service is closed to its user: its command line names the folder.
        for pid in {*processes_with(self.marker), *processes_working_in(self._data)}:
            with contextlib.suppress(OSError):
                if f"-m\0{module}\0" in Path(f"/proc/{pid}/cmdline").read_text():
                    return pid
        raise AssertionError(f"no process of {module}")


@contextlib.asynccontextmanager
async def webjobs_up(data: Path, *options: str, port: int = 0, **variables: str) -> AsyncIterator[Up]:
    """The command as a person starts it; killed at the end if the test did not stop it."""
    port = port or free_port()
    marker = f"MARK_{secrets.token_hex(8)}"
    output = data.with_name(f"{data.name}-{marker}.out")
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(str(WEBJOBS), "up", "--data", str(data), "--port", str(port), *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env={"PATH": os.environ["PATH"], marker: "1", **variables},
        )
    try:
        yield Up(process, data, output, f"http://127.0.0.1:{port}", marker)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 60)
            except TimeoutError:
                process.kill()
                await process.wait()


async def health(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as response:
        return response.status


async def run_hello(url: str) -> str:
    """Deploy a job, run it, wait until the history knows how it ended; answers the page of its history."""
    headers = {"Content-Disposition": "attachment; filename=run.sh"}
    job = f"{url}/api/jobs/triggered/hello"
    async with aiohttp.ClientSession() as session:
        async with session.put(job, data=b"echo hello", headers=headers) as response:
            assert response.status == 200, await response.text()
        async with session.post(f"{job}/run") as response:
            assert response.status == 202, await response.text()

        async def succeeded() -> str:
            page = await history(session, job)
            assert "Success" in page
            return page

        return await eventually(succeeded, 20)


async def history(session: aiohttp.ClientSession, job: str) -> str:
    async with session.get(f"{job}/history") as response:
        assert response.status == 200
        return await response.text()


async def test_a_whole_life(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with webjobs_up(data) as up:
        await up.until_said(READY)
        assert await health(up.url) == 200
        before = await run_hello(up.url)
        assert (data / "site/wwwroot/app_data/jobs/triggered/hello/run.sh").exists()

        async with webjobs_up(data) as second:
            assert await second.process.wait() == 1
            assert f"{data} is in use by process {up.process.pid}" in second.said
            assert "Traceback" not in second.said

        assert await up.stop(signal.SIGINT) == 0
        assert re.findall(r"^■ (\w+)", up.said, re.M)[:3] == ["api", "runner", "history"]
        assert processes_with(up.marker) == []
        assert processes_working_in(data) == []

    async with webjobs_up(data) as up:
        await up.until_said(READY)
        async with aiohttp.ClientSession() as session:
            after = await history(session, f"{up.url}/api/jobs/triggered/hello")
        assert without_port(after) == without_port(before)
        assert await up.stop() == 0


def without_port(text: str) -> str:
    """URLs in answers name the port, which the test chooses anew."""
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", text)


async def test_killed_services_come_back(tmp_path: Path) -> None:
    await put_cluster(tmp_path / "data" / "postgres")
    async with webjobs_up(tmp_path / "data", "--runners", "2") as up:
        await up.until_said(READY)
        assert len(set(re.findall(r"\(instance ([0-9a-f]{6})\)", up.said))) == 2
        for module in ("webjobs_api", "webjobs_runner", "webjobs_history"):
            os.kill(up.pid_of(module), signal.SIGKILL)
        killed = r"✗ (\S+) +was killed by SIGKILL; starting it again in 0.5 s"
        await eventually(lambda: len(re.findall(killed, up.said)) == 3)
        await eventually(lambda: len(re.findall(r"✓ (?:api|runner-\d|history) +ready", up.said)) == 4 + 3, 60)
        await run_hello(up.url)
        assert await up.stop() == 0
        assert processes_with(up.marker) == []


async def test_everything_dies_with_a_killed_stack_and_the_next_one_starts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await put_cluster(data / "postgres")
    async with webjobs_up(data) as up:
        await up.until_said(READY)
        await run_hello(up.url)
        up.process.kill()
        await up.process.wait()
        async with webjobs_up(data) as after:
            # Long enough for a leftover that must be killed.
            await after.until_said(READY, LEFTOVER_SECONDS + 20)
            assert processes_with(up.marker) == []
            async with aiohttp.ClientSession() as session:
                assert "Success" in await history(session, f"{after.url}/api/jobs/triggered/hello")


async def test_a_signal_during_the_start_stops_it_cleanly(tmp_path: Path) -> None:
    async with webjobs_up(tmp_path / "data") as up:
        await up.until_said("✓ nats")
        assert await up.stop() == 0
        assert "Traceback" not in up.said
        assert processes_with(up.marker) == []


async def test_any_host_but_loopback_wants_a_login(tmp_path: Path) -> None:
    await put_cluster(tmp_path / "data" / "postgres")
    async with webjobs_up(tmp_path / "data", "--host", "0.0.0.0") as up:
        assert await up.process.wait() == 1
        assert "WEBJOBS_USERNAME" in up.said
        assert processes_with(up.marker) == []
