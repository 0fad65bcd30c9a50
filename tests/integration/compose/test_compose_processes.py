"""Every command, variable and health check of docker-compose.yml at work, as processes on real servers."""

import asyncio
import io
import os
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
from support.compose_processes import ComposeRun
from support.eventually import eventually
from support.receiver import Receiver, receiving
from support.sse import reading

VARIABLES = {
    "NATS_API_PASSWORD": "a1",
    "NATS_RUNNER_PASSWORD": "r2",
    "NATS_HISTORY_PASSWORD": "h3",
    "POSTGRES_PASSWORD": "p4",
    "WEBJOBS_USERNAME": "ada",
    "WEBJOBS_PASSWORD": "lovelace",
    "WEBJOBS_HISTORY_SIZE": "1",
    "WEBJOBS_RESTART_TIME": "1",
    "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true",
}
LOGIN = {"Authorization": aiohttp.encode_basic_auth("ada", "lovelace")}
SCRIPT = {"Content-Disposition": "attachment; filename=run.sh"}


async def test_jobs_run_through_all_services_within_their_rights(tmp_path: Path) -> None:
    run = ComposeRun(tmp_path, VARIABLES)
    (tmp_path / "data").mkdir()
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(run.nats())
        postgres_check = await stack.enter_async_context(run.postgres())
        await exits_with_zero(postgres_check)
        ours = [
            await stack.enter_async_context(run.starting(name))
            for name in ("history", "runner", "runner", "api")
        ]
        await asyncio.gather(*(service.until_healthy() for service in ours))
        url = f"http://127.0.0.1:{ours[-1].port}"
        async with aiohttp.ClientSession() as stranger, stranger.get(f"{url}/api/jobs") as response:
            assert response.status == 401
        async with aiohttp.ClientSession(headers=LOGIN) as session:
            async with receiving() as receiver:
                await hooked(session, url, receiver)
                await triggered_job(session, f"{url}/api/jobs/triggered/hello")
                await told(session, url, receiver)
            await line_of_runs(session, f"{url}/api/jobs/triggered/line")
            await continuous_job(session, f"{url}/api/jobs/continuous/loop")
            await port_of_a_job(session, f"{url}/api/jobs/continuous/site")
            await files_of_the_site(session, url)
    assert "Violation" not in nats.log.read_text()


async def hooked(session: aiohttp.ClientSession, url: str, receiver: Receiver) -> None:
    """Make a hook of each kind."""
    for path, event in (("/run", "TriggeredJobFinished"), ("/all", "*"), ("/post", "PostDeployment")):
        hook = {"url": receiver.url(path), "event": event}
        assert await status(session.post(f"{url}/api/hooks", json=hook)) == 201


async def told(session: aiohttp.ClientSession, url: str, receiver: Receiver) -> None:
    """Have the hooks called, look at that, remove them; follow events from the first and logs from now on."""
    assert await status(session.post(f"{url}/api/hooks/publish/PostDeployment", json={})) == 200
    for path, count in (("/run", 2), ("/all", 6), ("/post", 1)):
        await receiver.has(count, path)
    async with session.get(f"{url}/api/hooks") as response:
        hooks = await response.json()
    for hook in hooks:
        assert '"delivered"' in await text(session, f"{url}/api/hooks/{hook['id']}/deliveries")
        assert await status(session.delete(f"{url}/api/hooks/{hook['id']}")) == 200
    async with reading(session, f"{url}/api/events?from=first&event=Success") as events:
        await events.take(2)
        headers = {"Webjobs-Sequence": events.last_id}
        assert await status(session.get(f"{url}/api/webjobs", headers=headers)) == 200
    async with session.get(f"{url}/api/logstream") as response:
        assert b"Welcome" in await response.content.readline()


async def triggered_job(session: aiohttp.ClientSession, job: str) -> None:
    """Deploy, run twice, read history and log, have the first run purged, delete."""
    assert await status(session.put(job, data=b"echo hello", headers=SCRIPT)) == 200
    for _ in range(2):

        async def accepted() -> bool:
            return await status(session.post(f"{job}/run")) == 202

        await eventually(accepted)
        run = await eventually(partial(finished_run, session, job), 20)
        output = await eventually(partial(text, session, run["output_url"]))
        assert "hello" in output

    async def only_the_second_is_left() -> bool:
        async with session.get(f"{job}/history") as response:
            return len((await response.json())["runs"]) == 1

    await eventually(only_the_second_is_left, 20)
    assert await status(session.delete(job)) == 200


async def line_of_runs(session: aiohttp.ClientSession, job: str) -> None:
    """Let runs wait for each other, ask twice under one key, cancel them waiting and running."""
    assert await status(session.put(job, data=b"echo hello; sleep 1000", headers=SCRIPT)) == 200
    settings = {"concurrency": {"policy": "queue"}}
    assert await status(session.put(f"{job}/settings", json=settings)) in (200, 204)

    async def asked_for(key: str) -> str:
        async with session.post(f"{job}/run?arguments=stay", headers={"Idempotency-Key": key}) as response:
            assert response.status == 202
            return response.headers["Location"]

    first, second = await asked_for("one"), await asked_for("two")
    assert await asked_for("one") == first
    for run in (second, first):
        assert await status(session.delete(run)) == 202

        async def is_aborted(run: str = run) -> bool:
            return '"Aborted"' in await text(session, run)

        await eventually(is_aborted, 20)
    assert await status(session.delete(job)) == 200


async def files_of_the_site(session: aiohttp.ClientSession, url: str) -> None:
    """Write a file larger than a message, read it, pack its folder, lay it over another, delete both."""
    content = os.urandom(3_000_000)
    assert await status(session.put(f"{url}/api/vfs/site/a/x.bin", data=io.BytesIO(content))) == 201
    async with session.get(f"{url}/api/vfs/site/a/x.bin") as response:
        assert await response.read() == content
    async with session.get(f"{url}/api/zip/site/a/") as response:
        packed = await response.read()
    assert await status(session.put(f"{url}/api/zip/site/b/", data=io.BytesIO(packed))) == 200
    assert "x.bin" in await text(session, f"{url}/vfs/site/b/")
    for folder in "ab":
        assert await status(session.delete(f"{url}/vfs/site/{folder}?recursive=true")) == 200


async def continuous_job(session: aiohttp.ClientSession, job: str) -> None:
    """Deploy as a singleton, read its log, change its settings, stop, start, delete."""
    assert await status(session.put(job, data=b"echo alive; sleep 1000", headers=SCRIPT)) == 200
    assert await status(session.put(f"{job}/settings", json={"is_singleton": True})) in (200, 204)

    async def one_of_two_runs() -> bool:
        async with session.get(job) as response:
            page = await response.text()
            return "Running" in page

    await eventually(one_of_two_runs, 20)
    async with session.get(job) as response:
        log = (await response.json())["log_url"]

    async def says_alive() -> bool:
        return "alive" in await text(session, log)

    await eventually(says_alive)
    for verb in ("stop", "start"):
        assert await status(session.post(f"{job}/{verb}")) == 200
    assert await status(session.delete(job)) == 200


async def port_of_a_job(session: aiohttp.ClientSession, job: str) -> None:
    """Ask a job's own server, which only its runner can reach."""
    server = b"echo it is me > page; exec python3 -m http.server --bind 127.0.0.1 $WEBJOBS_PORT"
    assert await status(session.put(job, data=server, headers=SCRIPT)) == 200

    async def answers() -> bool:
        return await text(session, f"{job}/passthrough/page") == "it is me\n"

    await eventually(answers, 20)
    assert await status(session.delete(job)) == 200


async def finished_run(session: aiohttp.ClientSession, job: str) -> dict[str, str]:
    async with session.get(f"{job}/history") as response:
        latest: dict[str, str] = (await response.json())["runs"][0]
        assert latest["status"] == "Success", latest
        return latest


async def text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text() if response.status == 200 else ""


async def status(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> int:
    async with request as response:
        assert response.status != 500, await response.text()
        return response.status


async def exits_with_zero(command: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
