"""What a route does not take is refused on every route: nothing that a client sends is dropped in silence."""

import io
import json
import re
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.describe.document import canonical, keys_of
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.routes import routes
from webjobs_rules.job import JobType
from webjobs_service.health import health_routes
from yarl import URL

VALUES = {
    "job": "hello",
    "type": "triggered",
    "id": "201311080256000000",
    "file": "x.json",
    "path": "x/y.txt",
    "source": "327e1e",
    "key": "NAME",
    "hook": "abc",
    "event": "PostDeployment",
    "deployment": "latest",
    "acknowledgement": "202601020304056789-1f3a9c2b",
    "digest": "0" * 64,
}
ROUTES = [*routes(), *health_routes({})]
CHECKED = [route for route in ROUTES if not OPERATIONS[keys_of(route)[0]].passes_on]
JOB = "/api/jobs/triggered/hello"


def path_of(route: web.RouteDef) -> str:
    return re.sub(r"\{(\w+)\}", lambda part: VALUES[part[1]], canonical(route.path))


async def refusal(answer: aiohttp.ClientResponse) -> str:
    """The sentence of a 400, whether it is plain text or a problem document."""
    text = await answer.text()
    assert answer.status == 400, (str(answer.url), text)
    return json.loads(text)["detail"] if answer.content_type == "application/problem+json" else text


async def test_an_unknown_query_parameter_is_refused_on_every_route(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    assert len(CHECKED) > 100
    for route in CHECKED:
        async with api.request(route.method, path_of(route), params={"wibble": "1"}) as answer:
            told = await refusal(answer)
        assert "'wibble'" in told and "This address takes" in told, (route.path, told)
        for each in OPERATIONS[keys_of(route)[0]].query:
            assert each.name in told, (route.path, told)
    assert not backend.seen


async def test_a_body_is_refused_on_every_route_that_reads_none(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    without = [route for route in CHECKED if OPERATIONS[keys_of(route)[0]].body is None]
    assert len(without) > 80
    for route in without:
        for body in (b"a=1", b"x" * 300_000):
            async with api.request(route.method, path_of(route), data=body) as answer:
                assert "takes no body" in await refusal(answer), route.path
    assert not backend.seen


async def test_a_declared_parameter_is_given_once_unless_it_is_a_list(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    tried = 0
    for route in CHECKED:
        for each in OPERATIONS[keys_of(route)[0]].query:
            if each.schema["type"] != "array":
                url = URL(path_of(route)).with_query([(each.name, "1"), (each.name, "1")])
                async with api.request(route.method, url) as answer:
                    assert f"'{each.name}' is given more than once" in await refusal(answer), route.path
                tried += 1
    assert tried > 40


async def test_what_clients_add_to_any_address_is_ignored(api: aiohttp.ClientSession) -> None:
    for path in ("/api/jobs", "/api/triggeredwebjobs", "/"):
        async with api.get(path, params={"api-version": "2022-03-01", "_": "1", "isAsync": "true"}) as answer:
            assert answer.status == 200, await answer.text()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", None),
        (b"", "application/json"),
        (b"", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b'""', "application/json"),
        (b"null", "application/json; charset=utf-8"),
        (b"\r\n", "text/plain"),
    ],
)
async def test_a_blank_body_is_as_good_as_none(
    api: aiohttp.ClientSession, backend: FakeBackend, body: bytes, content_type: str | None
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    headers = {"Content-Type": content_type} if content_type else {}
    async with api.post(f"{JOB}/run", data=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
    for verb in ("stop", "start"):
        async with api.post(f"/api/continuouswebjobs/worker/{verb}", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


@pytest.mark.parametrize("follow", ["yes", "", "2"])
async def test_a_flag_that_is_neither_yes_nor_no_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, follow: str
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.get("/vfs/data/jobs/continuous/worker/job.log", params={"follow": follow}) as answer:
        assert "follow" in await refusal(answer)


def form(arguments: str) -> aiohttp.BytesIOPayload:
    """A form as a page sends it; the client library warns of large ones that are given as a dict."""
    body = io.BytesIO(urlencode({"arguments": arguments}).encode())
    return aiohttp.BytesIOPayload(body, content_type="application/x-www-form-urlencoded")


async def started(api: aiohttp.ClientSession, backend: FakeBackend, path: str, **options) -> str | None:
    """Run the job to its end; answers the arguments that reached the runner."""
    async with api.post(path, **options) as answer:
        assert answer.status == 202, await answer.text()
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: "hello" in backend.held)
    command = backend.held["hello"].command
    assert command.run_id == run_id
    await backend.end_run("hello")
    return command.arguments


async def test_arguments_are_taken_from_query_form_and_json(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    run = f"{JOB}/run"
    assert await started(api, backend, run, params={"arguments": "mars"}) == "mars"
    assert await started(api, backend, run, data=form("a 'b c'")) == "a 'b c'"
    assert await started(api, backend, run, json={"arguments": "é"}) == "é"


async def test_a_rerun_takes_new_arguments_else_those_of_the_run(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await started(api, backend, f"{JOB}/run", params={"arguments": "venus"})
    first = backend.seen[-1].run_id
    rerun = f"{JOB}/history/{first}/rerun"
    await eventually(lambda: backend.runs["hello"][first].ended_at is not None)
    assert await started(api, backend, rerun) == "venus"
    assert await started(api, backend, rerun, json={}) == "venus"
    assert await started(api, backend, rerun, params={"arguments": "mars"}) == "mars"
    assert await started(api, backend, rerun, json={"arguments": "mars"}) == "mars"
    assert await started(api, backend, rerun, params={"arguments": ""}) is None
    assert all(command.rerun_of == first for command in backend.seen[1:])


@pytest.mark.parametrize("dialect", ["/api/jobs/triggered", "/api/triggeredwebjobs"])
@pytest.mark.parametrize("verb", ["run", "history/201311080256000000/rerun"])
async def test_other_fields_and_types_of_body_are_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, dialect: str, verb: str
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post(f"{JOB}/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    verb = verb.replace("201311080256000000", run_id)
    seen = len(backend.seen)
    for options, says in (
        ({"json": {"argument": "x"}}, "Did you mean 'arguments'"),
        ({"data": {"args": "x"}}, "Did you mean 'arguments'"),
        ({"data": b"mars", "headers": {"Content-Type": "text/plain"}}, "application/json"),
        ({"json": ["mars"]}, "application/json"),
    ):
        async with api.post(f"{dialect}/hello/{verb}", **options) as answer:
            assert says in await refusal(answer)
    assert len(backend.seen) - seen <= 1, "the first run may be taken meanwhile, no other"


@pytest.mark.parametrize("way", ["query", "form", "json", "page", "key", "rerun"])
async def test_arguments_above_the_limit_are_refused_at_once(
    api: aiohttp.ClientSession, backend: FakeBackend, way: str
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    largest = "é" * (16 * 1024)
    for text, status in ((largest, 202), (largest + "a", 400), ("b" * 60_000, 400), ("'a'" * 80_000, 413)):
        if len(text) > 50_000 and way == "query":
            continue
        path, options = f"{JOB}/run", {}
        if way == "query":
            path = URL(f"{JOB}/run").with_query(arguments=text)
        elif way == "page":
            path, options = (
                "/pages/triggered/hello/run",
                {"data": form(text), "allow_redirects": False},
            )
            status = 303 if status == 202 else status
        elif way == "form":
            options = {"data": form(text)}
        elif way == "key":
            options = {"data": form(text), "headers": {"Idempotency-Key": f"k{len(text)}"}}
        else:
            options = {"json": {"arguments": text}}
        if way == "rerun" and status >= 400:
            path = f"{JOB}/history/{backend.seen[0].run_id}/rerun"
        async with api.post(path, **options) as answer:
            told = await answer.text()
            assert answer.status == status, told
            assert status < 400 or "32,768 bytes" in told
        if status < 400:
            await eventually(lambda: "hello" in backend.held)
            assert backend.held["hello"].command.arguments == largest
            await backend.end_run("hello")
            run_id = backend.seen[-1].run_id
            await eventually(lambda run_id=run_id: backend.runs["hello"][run_id].ended_at is not None)
