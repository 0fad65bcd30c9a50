"""Hooks that are changed, tested, and have a delivery made again, over HTTP and on their pages."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from integration.api.test_hooks import make, numbers, tell
from support.eventually import eventually
from support.http import get_json
from support.receiver import Receiver, receiving
from webjobs_api.hooks.signature import signature
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"hooks_allow_private": True})


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def change(api: aiohttp.ClientSession, hook: Any, status: int = 200, **changes: Any) -> Any:
    async with api.patch(f"/api/hooks/{hook['id']}", json=changes) as answer:
        assert answer.status == status, await answer.text()
        return await (answer.json() if status == 200 else answer.text())


async def deliveries(api: aiohttp.ClientSession, hook: Any) -> list[Any]:
    found: list[Any] = (await get_json(api, f"/api/hooks/{hook['id']}/deliveries"))["deliveries"]
    return found


async def post(api: aiohttp.ClientSession, path: str, status: int = 200, **fields: str) -> str:
    async with api.post(path, data=fields) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return text


async def test_a_changed_hook_goes_on_where_it_is_with_its_new_filter_and_secret(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url(), "Failed", job="other")
    await tell(bus, 1)
    changed = await change(api, hook, event="*", job="hello", secret="key")
    assert {**hook, "event": "*", "job": "hello", "is_signed": True} == changed
    await tell(bus, 2)
    await eventually(lambda: 2 in numbers(receiver))
    call = receiver.of("/hook")[-1]
    timestamp = int(call.headers["webhook-timestamp"])
    assert call.headers["webhook-signature"] == signature("key", call.delivery_id, timestamp, call.body)

    await change(api, hook, job="another")
    await tell(bus, 3)
    await change(api, hook, job=None, secret=None)
    await tell(bus, 4)
    await eventually(lambda: 4 in numbers(receiver))
    assert "webhook-signature" not in receiver.of("/hook")[-1].headers
    assert numbers(receiver) == sorted(numbers(receiver))


async def test_a_hook_of_published_events_can_become_one_of_all_events(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    await tell(bus, 1)
    hook = await make(api, receiver.url(), "PostDeployment")
    await tell(bus, 2)
    await change(api, hook, event="*")
    await tell(bus, 3)
    await eventually(lambda: 3 in numbers(receiver))
    assert numbers(receiver) == [3]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"url": "http://elsewhere.example/"}, "url"),
        ({"event": "Wibble"}, "there is no event"),
        ({"event": "TriggeredJobFinished", "type": "continuous"}, "do not finish"),
        ({"event": None}, "send JSON such as"),
        ({"job": "a/b"}, "job"),
        ({"secret": ""}, "secret"),
    ],
)
async def test_a_change_that_makes_no_hook_is_refused_and_changes_nothing(
    api: aiohttp.ClientSession, changes: dict[str, Any], part: str
) -> None:
    hook = await make(api, "http://127.0.0.1:9/", "Failed")
    assert part in await change(api, hook, 400, **changes)
    assert await get_json(api, f"/api/hooks/{hook['id']}") == hook
    async with api.patch("/api/hooks/none", json={}) as answer:
        assert answer.status == 404


async def test_a_test_calls_once_and_is_no_delivery_of_an_event(
    api: aiohttp.ClientSession, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url(), "Failed", secret="key")
    async with api.post(f"/api/hooks/{hook['id']}/test") as answer:
        made = await answer.json()
    assert (answer.status, made["outcome"], made["event"], made["sequence"]) == (200, "delivered", "Test", 0)
    (call,) = receiver.calls
    assert (call.json["event"], call.delivery_id) == ("Test", made["delivery_id"])
    assert "webhook-signature" in call.headers
    receiver.statuses["/hook"] = 410
    async with api.post(f"/api/hooks/{hook['id']}/test") as answer:
        assert (await answer.json())["outcome"] == "failed"
    assert [each["status"] for each in await deliveries(api, hook)] == [410, 200]
    assert (await get_json(api, f"/api/hooks/{hook['id']}"))["last_status"] is None, "tests do not count"
    again = {"delivery_id": made["delivery_id"]}
    async with api.post(f"/api/hooks/{hook['id']}/deliveries", json=again) as answer:
        assert answer.status == 404


async def test_a_delivery_is_made_again_with_its_id_and_body(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url(), "*")
    published = await make(api, receiver.url("/published"), "PostDeployment")
    await tell(bus, 1)
    async with api.post("/api/hooks/publish/PostDeployment", json={"id": "x"}) as answer:
        assert answer.status == 200
    for each, path in ((hook, "/hook"), (published, "/published")):
        (first,) = await receiver.has(1, path)
        body = {"delivery_id": first.delivery_id}
        await eventually(lambda each=each: deliveries(api, each))
        async with api.post(f"/api/hooks/{each['id']}/deliveries", json=body) as answer:
            made = await answer.json()
        assert (answer.status, made["attempt"], made["outcome"]) == (200, 2, "delivered")
        _, second = receiver.of(path)
        assert (second.delivery_id, second.body) == (first.delivery_id, first.body)
    async with api.post(f"/api/hooks/{published['id']}/deliveries", json={"delivery_id": "x"}) as answer:
        assert answer.status == 404
    await change(api, hook, event="Failed")
    first = receiver.of("/hook")[0]
    body = {"delivery_id": first.delivery_id}
    async with api.post(f"/api/hooks/{hook['id']}/deliveries", json=body) as answer:
        assert answer.status == 404, "the hook is not for this event any more"


async def test_hooks_are_made_tested_changed_and_removed_on_their_pages(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    assert "There is no hook" in await (await api.get("/pages/hooks")).text()
    fields = {"url": receiver.url(), "event": "*", "job": "hello", "secret": "very secret"}
    text = await post(api, "/pages/hooks", **fields)
    assert "has not been called yet" in text and "signed with a secret" in text
    assert "very secret" not in text
    (hook,) = await get_json(api, "/api/hooks")
    page = f"/pages/hooks/{hook['id']}"
    assert "Delivered" in await post(api, f"{page}/test")
    await tell(bus, 1)

    async def has_both() -> bool:
        return len(await deliveries(api, hook)) == 2

    await eventually(has_both)
    text = await (await api.get(page)).text()
    (delivery,) = re.findall('name="delivery_id" value="([^"]+)"', text)
    assert await post(api, f"{page}/deliveries", delivery_id=delivery)
    assert [call.delivery_id for call in receiver.calls].count(delivery) == 2
    text = await (await api.get("/pages/hooks")).text()
    assert "Last 3 calls: 3 delivered." in text
    assert "every event of the job hello" in text.replace("<wbr>", "")

    await post(api, page, event="Failed", type="triggered", secret="", insecure_ssl="on")
    changed = await get_json(api, f"/api/hooks/{hook['id']}")
    assert (changed["event"], changed["type"], changed["job"]) == ("Failed", "triggered", None)
    assert (changed["is_signed"], changed["insecure_ssl"]) == (True, True)
    await post(api, page, event="Failed", unsigned="on")
    assert not (await get_json(api, f"/api/hooks/{hook['id']}"))["is_signed"]
    await post(api, f"{page}/delete")
    assert await get_json(api, "/api/hooks") == []
    assert "There is no hook" in await post(api, f"{page}/test", 404)


async def test_a_form_of_a_hook_that_is_refused_says_why_and_keeps_what_was_typed(
    api: aiohttp.ClientSession,
) -> None:
    fields = {"url": "https://example.com/<b>", "event": "Wibble", "secret": "very secret"}
    text = await post(api, "/pages/hooks", 400, **fields)
    assert "there is no event" in text and "https://example.com/&lt;b&gt;" in text
    assert "very secret" not in text and "<b>" not in text
    hook = await make(api, "http://127.0.0.1:9/", "Failed")
    page = f"/pages/hooks/{hook['id']}"
    text = await post(api, page, 400, event="Wibble", secret="very secret", insecure_ssl="on")
    assert "there is no event" in text and 'value="Wibble"' in text and "very secret" not in text
    assert "to send again" in await post(api, f"{page}/deliveries", 404, delivery_id="x")
    await asyncio.gather(*(post(api, f"{page}/test") for _ in range(2)))
    assert {each["outcome"] for each in await deliveries(api, hook)} == {"failed"}
