import asyncio

import aiohttp
import pytest
from webjobs_service import health
from webjobs_service.health import Check, run_health_server, unready


async def well() -> None:
    return None


async def not_connected() -> str:
    return "not connected"


async def failing() -> None:
    raise ConnectionError("refused")


async def hanging() -> None:
    await asyncio.Event().wait()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_service_with_all_it_needs_is_ready() -> None:
    async with run_health_server("127.0.0.1", 0, {"nats": well}) as url:
        status, body = await get(f"{url}/healthz")
    assert status == 200
    assert '"status": "ready"' in body


async def test_what_is_missing_is_named() -> None:
    checks: dict[str, Check] = {"nats": not_connected, "postgres": failing, "endpoints": well}
    async with run_health_server("127.0.0.1", 0, checks) as url:
        status, body = await get(f"{url}/healthz")
    assert status == 503
    assert '"missing": {"nats": "not connected", "postgres": "refused"}' in body


async def test_a_check_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.01)
    assert await unready({"postgres": hanging}) == {"postgres": "no answer within 0.01 s"}


async def test_metrics_are_in_the_form_of_prometheus() -> None:
    async with run_health_server("127.0.0.1", 0, {}) as url:
        status, body = await get(f"{url}/metrics")
    assert status == 200
    assert "# HELP python_info" in body
