"""How both clients wait for a deployment that its answer does not wait for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.both_clients import either_client
from webjobs_client import InvalidRequest

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
ID = "202601020304056789-0123456789ab"
LOG = "[mark] Unpacking.\n[mark] Deployed.\n"
JOB = {"name": "job", "type": "triggered", "run_command": "run.sh", "url": "http://x"}


def deployment(**changes: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "kind": "job",
        "state": "preparing",
        "complete": False,
        "received_time": "2026-01-02T03:04:05Z",
        "url": "http://x",
        "log_url": "http://x/log",
        **changes,
    }


@asynccontextmanager
async def serving(*looks: dict[str, Any]) -> AsyncIterator[tuple[str, list[str]]]:
    """An api that accepts every deployment and shows it as given, look by look; and what it was asked."""
    seen, left = list[str](), list(looks)

    async def answer(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.rel_url} {request.headers.get('Prefer', '-')}")
        if request.method in ("PUT", "POST"):
            await request.read()
            return web.json_response(deployment(state="queued"), status=202)
        if request.path.endswith("/log"):
            return web.Response(text=LOG)
        if request.path.startswith("/api/deployments/"):
            return web.json_response(left.pop(0) if len(left) > 1 else left[0])
        return web.json_response(JOB)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), seen


DONE = deployment(state="deployed", complete=True)
FAILED = deployment(
    state="failed", complete=True, error={"status": 400, "detail": "No file can be run. Add one."}
)


@KINDS
async def test_it_looks_until_the_deployment_is_done_and_returns_the_job(kind: str) -> None:
    async with serving(deployment(), DONE) as (url, seen), either_client(kind, url) as client:
        job = await client.do("deploy", "job", b"echo", file_name="run.sh")
        assert (job.name, job.run_command) == ("job", "run.sh")
        restored = await client.do("restore", "job", "0123456789ab")
        assert restored.name == "job"
    assert seen[0] == "PUT /api/triggeredwebjobs/job -"
    assert [line.split()[1] for line in seen[1:3]] == [f"/api/deployments/{ID}"] * 2


@KINDS
async def test_one_that_fails_raises_what_its_answer_would_have_been(kind: str) -> None:
    async with serving(deployment(), FAILED) as (url, _), either_client(kind, url) as client:
        with pytest.raises(InvalidRequest) as raised:
            await client.do("deploy", "job", b"echo", file_name="run.sh")
        assert (raised.value.message, raised.value.remedy) == ("No file can be run.", "Add one.")
        assert raised.value.status == 400


@KINDS
async def test_its_log_can_be_watched_and_followed(kind: str) -> None:
    from webjobs_client.packing import package_of

    async with serving(DONE) as (url, seen), either_client(kind, url) as client:
        lines = list[str]()
        with package_of(b"echo", file_name="run.sh") as package:
            await client.do("deploy_package", "job", package, watch=lines.append)
        assert lines == LOG.splitlines()
        assert seen[0].endswith("respond-async")
        assert await client.items("follow_deployment", ID) == LOG.splitlines()
        with package_of(b"echo", file_name="run.sh") as package:
            begun = await client.do("begin_deployment", "job", package)
        assert (begun.id, begun.state) == (ID, "queued")
        assert (await client.do("wait_for_deployment", ID)).state == "deployed"
