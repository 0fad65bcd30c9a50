"""The metrics of all services at the address of the api."""

import re
import time
from pathlib import Path

import aiohttp
import pytest
from nats.aio.msg import Msg
from support.eventually import eventually
from support.fake_backend import INSTANCE
from webjobs_api.backends.runners import Runners
from webjobs_api.http.metrics import REQUEST_SECONDS
from webjobs_api.monitoring import all_metrics
from webjobs_api.monitoring.all_metrics import AllMetrics
from webjobs_events.jetstream import Bus, connect_bus, metrics_served
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import run_nats_server


@pytest.fixture(autouse=True)
def no_requests_yet() -> None:
    """The metrics of this process, which are sent as those of other parts here, fit into one message."""
    REQUEST_SECONDS.clear()


async def metrics(api: aiohttp.ClientSession) -> str:
    async with api.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        return await answer.text()


def ups(text: str) -> dict[tuple[str, str], int]:
    found = re.findall(r'(?m)^webjobs_up\{service="(\w+)",instance="([^"]*)"\} ([01])$', text)
    return {(service, instance): int(value) for service, instance, value in found if service != "api"}


async def metrics_with(api: aiohttp.ClientSession, wanted: dict[tuple[str, str], int]) -> str:
    """The metrics once they show these parts so: on a busy machine a reply takes more than its second."""

    async def shown() -> str:
        text = await metrics(api)
        assert ups(text) == wanted
        return text

    return str(await eventually(shown))


async def test_the_api_shows_the_metrics_of_runners_and_histories_with_labels(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    async with metrics_served(bus, "runner", INSTANCE), metrics_served(bus, "history", "host-1"):
        text = await metrics_with(api, {("runner", INSTANCE): 1, ("history", "host-1"): 1})
    assert re.search(r'(?m)^webjobs_up\{service="api",instance="[^"]+"\} 1$', text)
    for labels in ("", f'service="runner",instance="{INSTANCE}",', 'service="history",instance="host-1",'):
        assert f'\npython_info{{{labels}implementation="' in text
    helps = re.findall(r"(?m)^# HELP (\S+)", text)
    assert len(helps) == len(set(helps))


async def test_what_does_not_reply_is_shown_as_down_within_a_bounded_time(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    async with metrics_served(bus, "runner", "a1b2c3"):
        await metrics_with(api, {("runner", "a1b2c3"): 1, ("runner", INSTANCE): 0, ("history", ""): 0})
        began = time.monotonic()
        await metrics(api)
        took = time.monotonic() - began
    assert took < all_metrics.TIMEOUT + 10
    assert ups(await metrics(api)) == {("runner", "a1b2c3"): 0, ("runner", INSTANCE): 0, ("history", ""): 0}


async def test_methods_that_no_route_has_count_together(api: aiohttp.ClientSession) -> None:
    for method in ("PROPFIND", "MKCOL", "COPY"):
        async with api.request(method, "/api/jobs") as answer:
            assert answer.status == 405
    methods = set(re.findall(r'webjobs_api_request_seconds_count\{method="(\w+)"', await metrics(api)))
    assert methods == {"other"}


async def test_what_cannot_be_read_is_left_out(api: aiohttp.ClientSession, bus: Bus) -> None:
    client = bus.connection.client

    async def reply(message: Msg) -> None:
        await message.respond(b'{"service": "history"}')

    await client.subscribe(bus.subjects.metrics, cb=reply)
    assert ups(await metrics(api)) == {("runner", INSTANCE): 0, ("history", ""): 0}


async def test_without_nats_the_api_shows_its_own_metrics_at_once(tmp_path: Path, namespace: str) -> None:
    async with (
        run_nats_server(tmp_path) as server,
        connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
        Runners(bus) as runners,
    ):
        async with metrics_served(bus, "runner", "a1b2c3"), metrics_served(bus, "history", "h"):
            collected = AllMetrics(bus, runners, timeout=60)
            assert set(ups(await collected.text()).values()) == {1}
            await server.stop()
            await eventually(lambda: not bus.is_connected)
            text = await collected.text()
    assert ups(text) == {("runner", "a1b2c3"): 0, ("history", "h"): 0}
    assert "\npython_info{implementation=" in text


async def test_a_process_that_is_gone_for_long_is_forgotten(bus: Bus) -> None:
    now = 0.0
    async with Runners(bus) as runners:
        collected = AllMetrics(bus, runners, timeout=2, clock=lambda: now)
        async with metrics_served(bus, "runner", "a1b2c3"), metrics_served(bus, "history", "h"):
            assert set(ups(await collected.text()).values()) == {1}
        assert ups(await collected.text()) == {("runner", "a1b2c3"): 0, ("history", "h"): 0}
        now = all_metrics.REMEMBER_SECONDS + 1
        assert ups(await collected.text()) == {("runner", ""): 0, ("history", ""): 0}
