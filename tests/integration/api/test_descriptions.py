"""What the api tells about itself: the OpenAPI document and the JSON Schemas."""

import json
from importlib.metadata import version

import aiohttp
import jsonschema_rs
import pytest
from integration.api.conftest import QUICK, SHORT
from support.fake_backend import FakeBackend
from support.sample_messages import EVENTS
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.envelope import encode_event


async def test_the_api_describes_itself(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    async with api.get("/openapi.json") as answer:
        assert answer.status == 200
        document = await answer.json()
    assert document["openapi"] == "3.1.0"
    assert "get" in document["paths"]["/openapi.json"]


@pytest.mark.parametrize("name", ["webjobs", "kudu", "legacy"])
async def test_the_api_describes_one_dialect(
    api: aiohttp.ClientSession, backend: FakeBackend, name: str
) -> None:
    async with api.get("/openapi.json", params={"dialect": name}) as answer:
        assert answer.status == 200
        part = await answer.json()
    assert ("/api/triggeredwebjobs" in part["paths"]) is (name == "kudu")


@pytest.mark.parametrize("name", ["", "Kudu", "x" * 300, "kudu,legacy"])
async def test_an_unknown_dialect_is_a_400_that_says_which_there_are(
    api: aiohttp.ClientSession, backend: FakeBackend, name: str
) -> None:
    async with api.get("/openapi.json", params={"dialect": name}) as answer:
        assert answer.status == 400
        assert "kudu, legacy, webjobs" in await answer.text()


async def test_the_api_describes_its_messages_in_its_namespace(
    api: aiohttp.ClientSession, backend: FakeBackend, namespace: str, settings: ApiSettings
) -> None:
    async with api.get("/asyncapi.json") as answer:
        assert answer.status == 200
        document = await answer.json()
    address = document["channels"]["triggered.Failed"]["address"]
    assert address == f"{namespace}.events.triggered.{{job}}.Failed"
    (server,) = document["servers"].values()
    assert server["host"] == settings.nats_url.rpartition("@")[2].removeprefix("nats://")


async def test_each_server_of_a_cluster_is_described(backend: FakeBackend, settings: ApiSettings) -> None:
    several = settings.model_copy(update={"nats_url": f"{settings.nats_url}, {settings.nats_url}"})
    async with run_api(several, {}, SHORT, QUICK) as url, aiohttp.ClientSession(url) as session:
        async with session.get("/asyncapi.json") as answer:
            servers = (await answer.json())["servers"]
    assert [server["protocol"] for server in servers.values()] == ["nats", "nats"]


@pytest.mark.parametrize("name", ["triggered.Failed", "continuous.Stopped", "instance.InstanceLost"])
async def test_an_event_is_described_where_it_says(
    api: aiohttp.ClientSession, backend: FakeBackend, name: str
) -> None:
    headers, body = encode_event(EVENTS[name])
    async with api.get(headers["ce-dataschema"]) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/schema+json"
        schema = await answer.json(content_type=None)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid(json.loads(body))
    assert not validator.is_valid({})


async def test_settings_are_described_for_editors(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    async with api.get("/schemas/settings.job.json") as answer:
        schema = await answer.json(content_type=None)
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert validator.is_valid({"is_singleton": True, "mine": {"is": "kept"}})
    assert not validator.is_valid({"is_singleton": "yes"})


@pytest.mark.parametrize("name", ["no.json", "..%2fx", "%00", "x" * 300, "na%C3%AFve"])
async def test_an_unknown_schema_is_a_404_that_says_which_there_are(
    api: aiohttp.ClientSession, backend: FakeBackend, name: str
) -> None:
    async with api.get(f"/schemas/{name}") as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
        assert "settings.job.json" in (await answer.json(content_type=None))["detail"]


async def test_every_answer_names_the_release(api: aiohttp.ClientSession) -> None:
    for method, path in (("GET", "/"), ("GET", "/api/jobs"), ("GET", "/nowhere"), ("OPTIONS", "/api/jobs")):
        async with api.request(method, path) as answer:
            assert answer.headers["Webjobs-Version"] == version("webjobs")
