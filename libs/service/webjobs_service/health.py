"""`GET /healthz` and `GET /metrics` for any aiohttp app, and a small server for services that have none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

log = structlog.stdlib.get_logger(__name__)

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else a few words saying what is missing."""

CHECK_TIMEOUT = 2.0  # seconds


async def unready(checks: Mapping[str, Check]) -> dict[str, str]:
    """What is missing, by name of the check; empty when the service is ready. No check takes above 2 s."""
    findings = await asyncio.gather(*(_finding(check) for check in checks.values()))
    return {name: found for name, found in zip(checks, findings, strict=True) if found is not None}


async def _finding(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:g} s"
    except Exception as error:  # a check that fails in any way is a service that is not ready
        return str(error) or type(error).__name__


def health_routes(checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """Routes to add to an app: 200 `{"status": "ready"}`, or 503 naming what is missing; and the metrics."""

    async def healthz(_request: web.Request) -> web.Response:
        missing = await unready(checks)
        if missing:
            return web.json_response({"status": "not ready", "missing": missing}, status=503)
        return web.json_response({"status": "ready", "checks": list(checks)})

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/metrics", metrics)]


@asynccontextmanager
async def run_health_server(host: str, port: int, checks: Mapping[str, Check]) -> AsyncIterator[str]:
    """Serve both pages while the body runs.

    Args:
        host: Address to listen on.
        port: 0 takes any free one.
        checks: What makes the service ready, by name.

    Yields:
        The base URL, such as `http://127.0.0.1:8082`.
    """
    app = web.Application()
    app.add_routes(health_routes(checks))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        url = f"http://{shown}:{address[1]}"
        log.info("health is served", url=f"{url}/healthz")
        yield url
    finally:
        await runner.cleanup()
