"""Hooks: made, shown and removed over HTTP; called at least once, in order, whoever was away."""

import asyncio
import io
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.http import get_json
from support.outages import crash_and_restart
from support.programs import need_program
from support.receiver import Receiver, receiving
from webjobs_api.app import run_api
from webjobs_api.hooks.back_off import HookTerms
from webjobs_api.hooks.deliverer import durable_name
from webjobs_api.hooks.signature import signature
from webjobs_api.settings import ApiSettings
from webjobs_client import AsyncClient
from webjobs_events.events import Enabled, RunSuccess
from webjobs_events.jetstream import Bus, ConsumerTerms, QueuedMessage, connect_bus, subscription_names
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunIdMint
from webjobs_rules.status import Reason
from webjobs_stack.nats_server import run_nats_server

TERMS = HookTerms(timeout=1.0, first=0.05, longest=0.2, ack_wait=2.0)
_mint = RunIdMint()


@asynccontextmanager
async def api_of(settings: ApiSettings, terms: HookTerms = TERMS) -> AsyncIterator[aiohttp.ClientSession]:
    async with run_api(settings, {}, SHORT, QUICK, terms) as url, aiohttp.ClientSession(url) as session:
        yield session


@pytest.fixture
def open_settings(settings: ApiSettings) -> ApiSettings:
    """Those of an api whose hooks may call loopback."""
    return settings.model_copy(update={"hooks_allow_private": True})


@pytest.fixture
async def api(open_settings: ApiSettings, backend: FakeBackend) -> AsyncIterator[aiohttp.ClientSession]:
    async with api_of(open_settings) as session:
        yield session


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def make(api: aiohttp.ClientSession, url: str, event: str = "*", **more: Any) -> Any:
    async with api.post("/api/hooks", json={"url": url, "event": event, **more}) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()


async def tell(bus: Bus, number: int, job: str = "hello") -> None:
    """One event with a number in it."""
    await bus.publish_event(
        Enabled(
            at=datetime.now(UTC),
            instance=INSTANCE,
            job_type=JobType.TRIGGERED,
            job_name=JobName(job),
            revision=number,
            cause="test",
            digest="d1",
            script="run.sh",
            settings={},
            disabled=False,
        )
    )


async def finish_run(bus: Bus, job: str = "hello") -> str:
    """A run that has ended; answers its id."""
    now = datetime.now(UTC)
    run_id = _mint.next(now)
    await bus.publish_event(
        RunSuccess(
            at=now,
            instance=INSTANCE,
            job_name=JobName(job),
            run_id=run_id,
            trigger="External - tests/1",
            digest="d1",
            requested_at=now - timedelta(seconds=3),
            started_at=now - timedelta(seconds=2),
            reason=Reason.EXIT_CODE,
            exit_code=0,
        )
    )
    return run_id


def numbers(receiver: Receiver, path: str = "/hook") -> list[int]:
    """The numbers of the events that came, each once."""
    return list(dict.fromkeys(call.json["revision"] for call in receiver.of(path)))


async def test_a_finished_run_is_told_once_as_the_reference_tells_it(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    await finish_run(bus)  # before the hook: not told
    hook = await make(api, receiver.url(), "TriggeredJobFinished", secret="key")
    run_id = await finish_run(bus)
    await tell(bus, 1)
    (call,) = await receiver.has(1)
    assert call.json["id"] == run_id
    assert (call.json["job_name"], call.json["status"]) == ("hello", "Success")
    assert call.json["url"].startswith(
        str(api._base_url).rstrip("/") + "/api/triggeredwebjobs/hello/history/"
    )
    assert call.headers["webhook-signature"] == signature(
        "key", call.delivery_id, int(call.headers["webhook-timestamp"]), call.body
    )

    async def is_shown() -> bool:
        shown = await get_json(api, f"/api/hooks/{hook['id']}")
        return bool(shown["last_status"] == "OK" and json.loads(shown["last_context"])["id"] == run_id)

    await eventually(is_shown)
    (attempt,) = (await get_json(api, f"/api/hooks/{hook['id']}/deliveries"))["deliveries"]
    assert (attempt["attempt"], attempt["status"], attempt["outcome"]) == (1, 200, "delivered")
    assert attempt["delivery_id"] == call.delivery_id
    assert len(receiver.calls) == 1


async def test_hooks_are_made_shown_and_removed(api: aiohttp.ClientSession, receiver: Receiver) -> None:
    url = receiver.url("/a").replace("http://", "http://ann:hunter2@")
    hook = await make(api, url, "Failed,Success", job="hello", type="triggered", secret="s3cr3t")
    assert hook | {"id": "", "created_at": ""} == {
        "id": "",
        "event": "Failed,Success",
        "url": receiver.url("/a").replace("http://", "http://***@"),
        "insecure_ssl": False,
        "last_status": None,
        "last_reason": None,
        "last_datetime": None,
        "last_context": None,
        "type": "triggered",
        "job": "hello",
        "is_signed": True,
        "created_at": "",
    }
    same = await make(api, url, "Success,Failed", job="hello", type="triggered", secret="s3cr3t")
    assert same["id"] == hook["id"]
    for other in ({"event": "*"}, {"event": "Failed,Success", "secret": "another"}):
        async with api.post("/api/hooks", json={"url": url, **other}) as answer:
            assert answer.status == 409
            assert "hunter2" not in await answer.text()
    second = await make(api, receiver.url("/b"))
    assert [each["id"] for each in await get_json(api, "/api/hooks")] == [hook["id"], second["id"]]
    assert (await get_json(api, f"/api/hooks/{hook['id']}/"))["id"] == hook["id"]
    for _ in range(2):
        async with api.delete(f"/api/hooks/{hook['id']}") as answer:
            assert answer.status == 200
    for path in (f"/api/hooks/{hook['id']}", f"/api/hooks/{hook['id']}/deliveries", "/api/hooks/%00"):
        async with api.get(path) as answer:
            assert answer.status == 404
    assert [each["id"] for each in await get_json(api, "/api/hooks")] == [second["id"]]
    again = await make(api, url, "Aborted")
    assert again["id"] != hook["id"]


async def test_a_removed_hook_leaves_nothing_on_the_server(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url(), "TriggeredJobFinished")
    streams = (bus.subjects.events_stream, bus.subjects.published_stream)

    async def left() -> list[str]:
        return [
            name for stream in streams for name in await subscription_names(bus, stream) if "hook" in name
        ]

    async def both() -> bool:
        return len(await left()) == 2

    async def none() -> bool:
        return not await left()

    await eventually(both)
    async with api.delete(f"/api/hooks/{hook['id']}"):
        await eventually(none)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"url": "x", "event": "*"}',
        b'{"url": "http://example.com", "event": "no"}',
        b"\x00" * 100,
    ],
)
async def test_what_cannot_be_a_hook_is_refused_with_a_sentence(
    api: aiohttp.ClientSession, body: bytes
) -> None:
    async with api.post("/api/hooks", data=body) as answer:
        assert answer.status == 400
        assert (await answer.text()).endswith(".")


async def test_a_body_beyond_all_measure_is_refused(api: aiohttp.ClientSession) -> None:
    for path in ("/api/hooks", "/api/hooks/publish/PostDeployment"):
        async with api.post(path, data=io.BytesIO(b"[" + b" " * 2_000_000 + b"]")) as answer:
            assert answer.status == 413


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "[::ffff:10.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
    ],
)
async def test_addresses_that_are_not_public_are_refused(
    settings: ApiSettings, backend: FakeBackend, host: str
) -> None:
    async with (
        api_of(settings) as api,
        api.post("/api/hooks", json={"url": f"http://{host}/", "event": "*"}) as answer,
    ):
        assert answer.status == 400
        assert "WEBJOBS_HOOKS_ALLOW_PRIVATE" in await answer.text()


async def test_an_address_is_looked_at_again_when_it_is_called(
    settings: ApiSettings, open_settings: ApiSettings, backend: FakeBackend, bus: Bus, receiver: Receiver
) -> None:
    async with api_of(open_settings) as api:
        by_name = await make(api, receiver.url("/name").replace("127.0.0.1", "localhost"))
        by_number = await make(api, receiver.url("/number"))
    async with api_of(settings) as api:  # what the name led to does not count, but what it leads to
        await tell(bus, 1)
        for hook in (by_name, by_number):

            async def was_refused(hook: Any = hook) -> bool:
                found = (await get_json(api, f"/api/hooks/{hook['id']}/deliveries"))["deliveries"]
                return bool(found) and "not an address that hooks may call" in found[0]["reason"]

            await eventually(was_refused)
    assert receiver.calls == []


async def test_a_receiver_that_is_down_gets_all_of_it_afterwards_and_in_order(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url())
    await receiver.down()
    for number in range(1, 21):
        await tell(bus, number)

    async def has_tried() -> bool:
        return bool((await get_json(api, f"/api/hooks/{hook['id']}"))["last_status"] == "Failure")

    await eventually(has_tried)
    await receiver.up()
    receiver.statuses["/hook"] = 503
    await receiver.has(2)
    receiver.statuses["/hook"] = 302
    seen = len(receiver.calls)
    await receiver.has(seen + 1)
    receiver.statuses.clear()
    await eventually(lambda: numbers(receiver) == list(range(1, 21)))
    assert receiver.of("/moved") == []  # redirects are not followed
    assert len({call.delivery_id for call in receiver.calls}) == 20

    async def all_told() -> bool:
        found = (await get_json(api, f"/api/hooks/{hook['id']}/deliveries?limit=1000"))["deliveries"]
        delivered = [each for each in found if each["outcome"] == "delivered"]
        first = [each for each in found if each["delivery_id"] == found[-1]["delivery_id"]]
        assert [each["attempt"] for each in first] == list(range(len(first), 0, -1))
        assert all(each["next_time"] for each in first[1:])
        assert {None, 503, 302, 200} <= {each["status"] for each in found}
        return len(delivered) == 20

    await eventually(all_told)


async def test_a_hook_that_keeps_failing_needs_attention_until_it_delivers(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    hook = await make(api, receiver.url())

    async def fail(status: int) -> None:
        receiver.statuses["/hook"] = status
        seen = len(receiver.calls)
        await tell(bus, seen + 1)
        await receiver.has(seen + 4)

    async def needs_attention() -> bool:
        return (await get_json(api, "/api/overview"))["counts"]["attention"] == 1

    async def needs_none() -> bool:
        found = await get_json(api, "/api/overview")
        return not found["attention"] and not found["acknowledged"]

    async def acknowledge(expected: int, **more: Any) -> Any:
        async with api.post("/api/acknowledgements", json={"hook": hook["id"], **more}) as answer:
            assert answer.status == expected, await answer.text()
            return await answer.json()

    assert "needs no attention" in (await acknowledge(409))["detail"]
    await fail(503)
    await eventually(needs_attention)
    (found,) = (await get_json(api, "/api/overview"))["attention"]
    assert (found["kind"], found["hook"], found["job"]) == ("hook_failing", hook["id"], "")
    assert re.fullmatch(
        r"[\d,]+ calls in a row failed; the last one: 503 Service Unavailable\.", found["text"]
    )
    assert found["since"] and found["url"].endswith(f"/api/hooks/{hook['id']}")
    async with api.get("/") as answer:
        assert f'href="/pages/hooks/{hook["id"]}"' in await answer.text()

    given = await acknowledge(201, until="forever", note="Known.")
    assert await acknowledge(200, until="forever", note="Known.") == given
    overview = await get_json(api, "/api/overview")
    assert not overview["attention"]
    assert [each["acknowledgement"] for each in overview["acknowledged"]] == [given]
    assert await get_json(api, "/api/acknowledgements") == [given]
    async with AsyncClient(str(api._base_url)) as client:
        again = await client.acknowledge_hook(hook["id"], note="Known by another.")
        assert (again.hook, again.job, again.until) == (hook["id"], "", "change")
        assert await client.acknowledgements() == [again]
    receiver.statuses.clear()
    await eventually(needs_none)
    assert await get_json(api, "/api/acknowledgements") == []
    await fail(500)  # again, after it has delivered
    await eventually(needs_attention)

    form = {"hook": hook["id"], "kind": "hook_failing", "until": "change"}
    async with api.post("/pages/acknowledgements", data=form) as answer:
        assert "1 acknowledged" in await answer.text()
    (given,) = await get_json(api, "/api/acknowledgements")
    async with api.delete(f"/api/acknowledgements/{given['id']}") as answer:
        assert answer.status == 204
    assert await needs_attention()


async def test_a_dead_receiver_delays_nobody_else(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    receiver.may_answer.clear()
    await make(api, receiver.url("/dead"))
    async with receiving() as living:
        await make(api, living.url())
        for number in range(1, 11):
            await tell(bus, number)
        await eventually(lambda: numbers(living) == list(range(1, 11)), 3)
    assert {call.json["revision"] for call in receiver.calls} == {1}


async def test_a_receiver_that_is_gone_is_called_no_more(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    receiver.statuses["/hook"] = 410
    hook = await make(api, receiver.url())
    await tell(bus, 1)
    await tell(bus, 2)

    async def is_removed() -> bool:
        async with api.get(f"/api/hooks/{hook['id']}") as answer:
            return answer.status == 404

    await eventually(is_removed)
    assert len(receiver.calls) == 1


async def test_what_nobody_takes_for_too_long_is_given_up(
    open_settings: ApiSettings, backend: FakeBackend, bus: Bus, receiver: Receiver
) -> None:
    terms = HookTerms(first=0.02, factor=1, least_tries=2, patience=timedelta(seconds=0))
    async with api_of(open_settings, terms) as api:
        receiver.statuses["/hook"] = 500
        hook = await make(api, receiver.url())
        await tell(bus, 1)
        await receiver.has(2)
        receiver.statuses.clear()
        await tell(bus, 2)
        await eventually(lambda: numbers(receiver) == [1, 2])
        found = (await get_json(api, f"/api/hooks/{hook['id']}/deliveries"))["deliveries"]
        assert [each["outcome"] for each in found][-2:] == ["gave_up", "will_retry"]
    assert len([call for call in receiver.calls if call.json["revision"] == 1]) == 2


async def test_hooks_hear_only_what_they_are_for(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver
) -> None:
    await make(api, receiver.url("/job"), job="other")
    await make(api, receiver.url("/name"), "Success,Failed")
    await make(api, receiver.url("/type"), type="continuous")
    await make(api, receiver.url("/all"))
    await tell(bus, 1, "hello")
    await tell(bus, 2, "other")
    await finish_run(bus, "hello")
    await receiver.has(3, "/all")
    await receiver.has(1, "/name")
    await receiver.has(1, "/job")
    assert numbers(receiver, "/job") == [2]
    assert [call.json["event"] for call in receiver.of("/name")] == ["Success"]
    assert receiver.of("/type") == []


async def test_what_is_published_goes_to_the_hooks_of_that_event(
    api: aiohttp.ClientSession, receiver: Receiver
) -> None:
    await make(api, receiver.url("/deployed"), "PostDeployment")
    await make(api, receiver.url("/finished"), "TriggeredJobFinished")
    async with api.post("/api/hooks/publish/postdeployment", json={"id": "abc"}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    (call,) = await receiver.has(1, "/deployed")
    assert call.json == {"id": "abc"}
    assert call.headers["Webjobs-Event"] == "PostDeployment"
    async with api.post("/api/hooks/publish/TriggeredJobFinished", json={"id": "def"}) as answer:
        assert answer.status == 200
    (call,) = await receiver.has(1, "/finished")
    assert call.json == {"id": "def"}
    for event, body in (("Success", b"{}"), ("*", b"{}"), ("PostDeployment", b"no json")):
        async with api.post(f"/api/hooks/publish/{event}", data=body) as answer:
            assert answer.status == 400
    assert len(receiver.calls) == 2


async def test_two_apis_share_the_work_and_one_takes_over_from_the_other(
    open_settings: ApiSettings, backend: FakeBackend, bus: Bus, receiver: Receiver
) -> None:
    async with AsyncExitStack() as stack, api_of(open_settings) as first:
        second = await stack.enter_async_context(api_of(open_settings))
        hook = await make(first, receiver.url())
        assert (await get_json(second, f"/api/hooks/{hook['id']}"))["id"] == hook["id"]
        for number in range(1, 31):
            await tell(bus, number)
        await eventually(lambda: numbers(receiver) == list(range(1, 31)))
        assert len(receiver.calls) == 30  # each by one of them
        await stack.aclose()
        await tell(bus, 31)
        await receiver.has(31)


async def test_what_a_killed_api_had_in_hand_is_taken_over(
    open_settings: ApiSettings, backend: FakeBackend, bus: Bus, receiver: Receiver
) -> None:
    terms = HookTerms(ack_wait=0.5)
    async with api_of(open_settings, terms) as api:
        hook = await make(api, receiver.url())
        await tell(bus, 1)
        await receiver.has(1)
    in_hand: asyncio.Queue[QueuedMessage] = asyncio.Queue()
    queue = bus.subscription(
        bus.subjects.events_stream,
        durable=f"hook-{hook['id']}",
        filters=[f"{bus.subjects.namespace}.events.*.*.*"],
        terms=ConsumerTerms(ack_wait=0.5, at_a_time=1, start_sequence=1),
        room=lambda: 1,
        on_message=in_hand.put_nowait,
    )
    killed = asyncio.create_task(queue.run())
    await tell(bus, 2)
    await in_hand.get()  # and never a word of it again
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    async with api_of(open_settings, terms):
        await tell(bus, 3)
        await eventually(lambda: numbers(receiver) == [1, 2, 3])


async def test_nothing_is_lost_while_no_api_and_no_nats_is_there(
    tmp_path: Path, namespace: str, receiver: Receiver
) -> None:
    async with run_nats_server(tmp_path / "nats") as server:
        settings = ApiSettings(nats_url=server.url, namespace=namespace, port=0, hooks_allow_private=True)
        async with connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus:
            async with api_of(settings) as api:
                await make(api, receiver.url())
                await tell(bus, 1)
                await receiver.has(1)
                await crash_and_restart(server)
                await eventually(lambda: bus.is_connected)
                await tell(bus, 2)
                await eventually(lambda: numbers(receiver) == [1, 2])
            await tell(bus, 3)
            async with api_of(settings):
                await eventually(lambda: numbers(receiver) == [1, 2, 3])


async def test_what_a_killed_api_left_of_a_hook_is_swept_away(
    open_settings: ApiSettings, backend: FakeBackend, bus: Bus, receiver: Receiver
) -> None:
    stream = bus.subjects.events_stream
    async with api_of(open_settings) as api:
        hook = await make(api, receiver.url())
        state = Subjects.hook_state_key(hook["id"], "events")
        await tell(bus, 1)
        await eventually(lambda: bus.hooks.get(state))

        async def is_there() -> bool:
            return f"hook-{hook['id']}" in await subscription_names(bus, stream)

        await eventually(is_there)
    key = next(iter([key async for key in keys_of(bus)]))
    await bus.hooks.delete(key)
    async with api_of(open_settings):

        async def is_gone() -> bool:
            return not await is_there() and await bus.hooks.get(state) is None

        await eventually(is_gone)


async def keys_of(bus: Bus) -> AsyncIterator[str]:
    """Keys of hooks."""
    async with bus.hooks.mirror(keys="hook.>") as mirror:
        for key in mirror.entries:
            yield key


async def test_the_secret_and_the_password_are_in_no_log(
    api: aiohttp.ClientSession, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    await make(api, "http://ann:hunter2@127.0.0.1:9/", secret="s3cr3t")
    await tell(bus, 1)

    async def has_tried() -> bool:
        return bool((await get_json(api, "/api/hooks"))[0]["last_status"])

    await eventually(has_tried)
    said = capsys.readouterr()
    assert "hook called" in said.out
    assert "hunter2" not in said.out + said.err
    assert "s3cr3t" not in said.out + said.err


async def test_certificates_are_looked_at_unless_told_otherwise(
    api: aiohttp.ClientSession, bus: Bus, tmp_path: Path
) -> None:
    openssl = need_program("openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = await asyncio.create_subprocess_exec(
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with receiving(context) as receiver:
        await make(api, receiver.url("/any"), insecure_ssl=True)
        strict = await make(api, receiver.url("/strict"))
        await tell(bus, 1)
        await receiver.has(1, "/any")

        async def was_refused() -> bool:
            found = (await get_json(api, f"/api/hooks/{strict['id']}/deliveries"))["deliveries"]
            return bool(found) and "self-signed certificate" in found[0]["reason"]

        await eventually(was_refused)
        assert receiver.of("/strict") == []


@pytest.mark.parametrize("lost", ["the events", "the consumer", "the hooks", "the deliveries"])
async def test_a_hook_is_called_on_when_what_it_stands_on_was_deleted(
    api: aiohttp.ClientSession, bus: Bus, receiver: Receiver, lost: str
) -> None:
    for number in range(1, 6):
        await tell(bus, number)
    hook = await make(api, receiver.url(), "*")
    await tell(bus, 6)
    await receiver.has(1)
    js, events = bus.connection.js, bus.subjects.events_stream
    if lost == "the consumer":
        await js.delete_consumer(events, durable_name(hook["id"]))
    else:
        stream = {
            "the events": events,
            "the hooks": bus.hooks.stream,
            "the deliveries": bus.subjects.deliveries_stream,
        }[lost]
        replaced = asyncio.Event()
        bus.streams.on_replaced(stream, replaced.set)
        await eventually(lambda: bus.streams.created_at(stream))
        await js.delete_stream(stream)
        await asyncio.wait_for(replaced.wait(), 30)

    async def is_listed() -> bool:
        return [each["id"] for each in await get_json(api, "/api/hooks")] == [hook["id"]]

    await eventually(is_listed)
    await tell(bus, 7)
    await eventually(lambda: numbers(receiver) == [6, 7], 20)
