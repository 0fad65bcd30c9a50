import asyncio

import aiohttp
import pytest
from webjobs_service import health
from webjobs_service.health import AcknowledgedWrites, Check, ProvenWrites, run_health_server, unready
from webjobs_service.release import VERSION


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
    assert '"status": "ready"' in body and f'"version": "{VERSION}"' in body


async def test_the_case_of_its_addresses_does_not_matter() -> None:
    async with run_health_server("127.0.0.1", 0, {"nats": well}) as url:
        assert [(await get(f"{url}/{name}"))[0] for name in ("HealthZ", "METRICS")] == [200, 200]


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


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_service_is_ready_for_10_s_after_an_acknowledged_write() -> None:
    clock = Clock()
    writes = AcknowledgedWrites(clock)
    assert await writes.check() == "no write is acknowledged"
    writes.acknowledged()
    clock.now += 10
    assert await writes.check() is None
    writes.failed("insufficient storage")
    assert await writes.check() is None
    clock.now += 1
    assert await writes.check() == "the last acknowledged write is 11 s old: insufficient storage"
    writes.acknowledged()
    assert await writes.check() is None


class Store:
    """Takes writes, or refuses them, or never answers."""

    def __init__(self) -> None:
        self.written = 0
        self.is_full = False
        self.hangs = False

    async def write(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_full:
            raise OSError("No space left on device")
        self.written += 1


async def test_the_check_writes_at_most_every_3_s() -> None:
    store, clock = Store(), Clock()
    writes = ProvenWrites(store.write, (OSError,), clock=clock)
    await asyncio.gather(*(writes.check() for _ in range(5)))
    clock.now += 3
    await writes.check()
    assert store.written == 1
    clock.now += 0.1
    await writes.check()
    assert store.written == 2


async def test_a_store_that_takes_no_writes_is_told_with_its_reason_until_it_takes_one() -> None:
    store, clock = Store(), Clock()
    writes = ProvenWrites(store.write, (OSError,), clock=clock)
    assert await writes.check() is None
    store.is_full = True
    clock.now += 10.1
    assert await writes.check() == "the last acknowledged write is 10 s old: No space left on device"
    store.is_full = False
    assert await writes.check() is None


async def test_a_store_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_WRITE_TIMEOUT", 0.01)
    store = Store()
    store.hangs = True
    finding = await ProvenWrites(store.write, (OSError,)).check()
    assert finding == "no write is acknowledged: no acknowledgement within 0.01 s"


async def test_a_refusal_counts_at_once() -> None:
    store, clock = Store(), Clock()
    writes = ProvenWrites(store.write, (OSError,), (OSError,), clock)
    assert await writes.check() is None
    store.is_full = True
    clock.now += 3.1
    assert await writes.check() == "no write is acknowledged: No space left on device"
    store.is_full = False
    assert await writes.check() is None


async def test_what_was_acknowledged_before_a_shortage_proves_nothing_after_it() -> None:
    store, clock = Store(), Clock()
    writes = ProvenWrites(store.write, (OSError,), (), clock)
    assert await writes.check() is None
    store.is_full = True
    writes.expire()
    assert await writes.check() == "no write is acknowledged: No space left on device"
    store.is_full = False
    assert await writes.check() is None
