"""What a new user of the stack sees: JSON output, and one address for metrics."""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
from support.client import client_of, unique
from support.eventually import eventually
from support.stack import RunningStack, webjobs_up
from webjobs_stack.ports import free_port, is_free

TIMEOUT = 1.0  # seconds that services have to reply with their metrics


def lines(stack: RunningStack) -> list[dict[str, Any]]:
    """All that was written so far; every line must be an object with a service."""
    found = [json.loads(line) for line in stack.said.splitlines()]
    assert all(isinstance(line["service"], str) for line in found)
    return found


def ups(text: str) -> dict[str, list[int]]:
    """Values of `webjobs_up` by service, in order."""
    found: dict[str, list[int]] = {}
    for service, value in re.findall(r'(?m)^webjobs_up\{service="(\w+)",instance="[^"]+"\} ([01])$', text):
        found.setdefault(service, []).append(int(value))
    return found


def three_free_ports() -> int:
    while True:
        first = free_port()
        if all(is_free("127.0.0.1", first + more) for more in range(3)):
            return first


async def test_json_output_and_one_address_for_metrics(tmp_path: Path) -> None:
    first = three_free_ports()
    variables = {"WEBJOBS_LOG_FORMAT": "json", "WEBJOBS_HEALTH_PORT": str(first), "FORCE_COLOR": "1"}
    async with webjobs_up(tmp_path / "data", "--runners", "2", **variables) as stack:
        async with client_of(stack.url) as client:
            name = unique("hello")
            await client.put_script("triggered", name, "echo hello")
            await client.run_to_end(name)
            all_up = {"api": [1], "history": [1], "runner": [1, 1]}

            async def metrics(runners: list[int]) -> str:
                """All metrics, once so many runners replied in time: the machine may be busy."""
                text = (await client.get("/metrics")).text
                assert {**ups(text), "runner": sorted(ups(text)["runner"])} == {**all_up, "runner": runners}
                return text

            text = await eventually(lambda: metrics([1, 1]), 30)
            assert 'webjobs_history_events_total{service="history",instance="' in text
            assert text.count("\nwebjobs_runner_slots_in_use{") == 2
            await own_addresses(first)
            stopped = stack.pid_of("runner")
            os.kill(stopped, signal.SIGSTOP)
            began = time.monotonic()
            await client.get("/metrics")
            took = time.monotonic() - began
            try:
                await eventually(lambda: metrics([0, 1]), 30)
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert took < TIMEOUT + 20
        stack.kill("api")
        await eventually(lambda: any("is started again" in line["message"] for line in lines(stack)))
        assert await stack.stop() == 0
    written = lines(stack)
    assert {line["service"] for line in written} == {"webjobs", "api", "runner", "history"}
    assert {line["part"] for line in written if line["service"] == "runner"} == {"runner-1", "runner-2"}
    assert "\x1b" not in stack.said


async def own_addresses(first: int) -> None:
    """WEBJOBS_HEALTH_PORT is that of the first runner, then come history and the second runner."""
    async with aiohttp.ClientSession() as session:
        for port, service in enumerate(("runner", "history", "runner"), first):
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert f"\nwebjobs_{service}_" in await answer.text()


async def test_an_error_at_the_start_is_a_json_line_too(tmp_path: Path) -> None:
    for variables, words in (
        ({"WEBJOBS_HEALTH_PORT": "99999"}, "WEBJOBS_HEALTH_PORT is '99999'"),
        ({"WEBJOBS_SLOTS": "many"}, "runner did not start"),
    ):
        data = tmp_path / words[:6].strip()
        async with webjobs_up(data, wait=False, WEBJOBS_LOG_FORMAT="json", **variables) as stack:
            assert await stack.ended() == 1
        last = lines(stack)[-1]
        assert (last["service"], last["level"]) == ("webjobs", "error")
        assert words in last["message"]
