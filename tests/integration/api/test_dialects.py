"""The same jobs in every dialect: routes, fields, links that stay in the dialect, and ETags."""

import unicodedata
from urllib.parse import quote

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.http import get_json
from webjobs_api.http.dialects import DIALECTS, KUDU, KUDU_OLDER, KUDU_OLDEST, Dialect
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Status
from yarl import URL

ARM = {"x-ms-geo-location": "West Europe"}
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.jobs)
KUDUS = pytest.mark.parametrize("dialect", [KUDU, KUDU_OLDER, KUDU_OLDEST], ids=lambda each: each.jobs)


async def tag_of(api: aiohttp.ClientSession, path: str) -> str:
    async with api.get(path) as answer:
        assert answer.status == 200
        return answer.headers["ETag"]


@EVERY
async def test_a_job_is_deployed_run_looked_at_and_deleted(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, dialect: Dialect
) -> None:
    job = f"{dialect.jobs_of(JobType.TRIGGERED)}/hello"
    headers = {"Content-Disposition": "attachment; filename=run.sh"}
    async with api.put(job, data=b"echo", headers=headers) as answer:
        assert answer.status == 200
        deployed = await answer.json()
    assert deployed["url"] == f"{api_url}{job}"
    assert deployed["history_url"] == f"{api_url}{job}/history"
    assert await get_json(api, deployed["history_url"]) == {"runs": []}
    async with api.post(f"{job}/run?arguments=a") as answer:
        assert (answer.status, await answer.read()) == (202, b"")
        location = answer.headers["Location"]
    assert location.startswith(f"{api_url}{job}/history/")
    await eventually(lambda: backend.position == 2)
    await backend.end_run("hello", has_error_log=True)
    await eventually(lambda: backend.position == 3)
    run = await get_json(api, location)
    assert run["url"] == location
    assert await get_json(api, f"{job}/history/") == {"runs": [run]}
    assert (await get_json(api, job))["latest_run"] == run
    lists = [dialect.jobs_of(JobType.TRIGGERED), *([dialect.all_jobs] if dialect.all_jobs else [])]
    for path in lists:
        assert (await get_json(api, path))[0]["latest_run"] == run
    async with api.put(f"{job}/settings", data=b'{"mine": [1]}') as answer:
        assert answer.status == 200
    assert await get_json(api, f"{job}/settings") == {"mine": [1]}
    async with api.delete(job) as answer:
        assert answer.status == 200
    async with api.get(job) as answer:
        assert answer.status == 404


@EVERY
async def test_a_continuous_job_is_stopped_and_started(
    api: aiohttp.ClientSession, backend: FakeBackend, dialect: Dialect
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING, "idead01": Status.RUNNING})
    job = f"{dialect.jobs_of(JobType.CONTINUOUS)}/worker"
    for verb, disabled in (("stop", True), ("start", False)):
        async with api.post(f"{job}/{verb}") as answer:
            assert (answer.status, await answer.text()) == (200, "")
        entry = await backend.bus.jobs.get("continuous.worker")
        assert entry is not None and (b'"disabled":true' in entry.value) is disabled
    assert (await get_json(api, job))["status"] == "Running"


@KUDUS
async def test_a_continuous_job_tells_its_living_instances(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, dialect: Dialect
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker", settings={"is_singleton": True})
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING, "idead01": Status.RUNNING})
    jobs = dialect.jobs_of(JobType.CONTINUOUS)
    told = await get_json(api, f"{jobs}/worker")
    assert told["detailed_status"] == f"{INSTANCE} - Running\r\n"
    assert told["log_url"] == f"{api_url}/vfs/data/jobs/continuous/worker/job_log.txt"
    assert (told["settings"], told["error"], told["using_sdk"]) == ({"is_singleton": True}, None, False)
    assert await get_json(api, jobs) == [told]


@EVERY
async def test_a_list_that_is_known_is_not_sent_again(
    api: aiohttp.ClientSession, backend: FakeBackend, dialect: Dialect
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    triggered, continuous = (dialect.jobs_of(each) for each in JobType)
    async with api.post(f"{triggered}/hello/run") as answer:
        assert answer.status == 202
    await eventually(lambda: backend.position == 2)
    paths = [triggered, continuous, f"{triggered}/hello", f"{triggered}/hello/history"]
    for path in [*paths, *([dialect.all_jobs] if dialect.all_jobs else [])]:
        tag = await tag_of(api, path)
        assert tag.startswith('W/"')
        for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            async with api.get(path, headers={"If-None-Match": known}) as answer:
                assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag), path
        async with api.get(path, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


@EVERY
async def test_a_list_has_another_tag_after_each_change(
    api: aiohttp.ClientSession, backend: FakeBackend, dialect: Dialect
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    triggered, continuous = (dialect.jobs_of(each) for each in JobType)
    history = f"{triggered}/hello/history"
    seen = {path: [await tag_of(api, path)] for path in (triggered, continuous, history)}

    async def note(*paths: str) -> None:
        for path in paths:
            seen[path].append(await tag_of(api, path))

    async with api.put(f"{triggered}/hello/settings", data=b'{"a": 1}') as answer:
        assert answer.status == 200
    async with api.put(f"{continuous}/worker/settings", data=b'{"a": 1}') as answer:
        assert answer.status == 200
    await note(triggered, continuous)
    async with api.post(f"{triggered}/hello/run") as answer:
        assert answer.status == 202
    await eventually(lambda: backend.position == 2)
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    await note(triggered, continuous, history)
    await backend.end_run("hello")
    await eventually(lambda: backend.position == 3)
    backend.tell("worker", **{f"i{INSTANCE}": Status.PENDING_RESTART})
    await note(triggered, continuous, history)
    for path, tags in seen.items():
        assert len(set(tags)) == len(tags), path


async def test_letters_may_be_of_another_case_unless_a_job_is_spelled_so(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "Hello")

    async def is_found() -> bool:
        async with api.get("/api/triggeredwebjobs/hELLO") as answer:
            return answer.status == 200 and (await answer.json())["name"] == "Hello"

    await eventually(is_found)
    await backend.define(JobType.TRIGGERED, "hello")
    assert (await get_json(api, "/api/triggeredwebjobs/hello"))["name"] == "hello"
    assert (await get_json(api, "/api/triggeredwebjobs/Hello"))["name"] == "Hello"
    async with api.delete("/api/triggeredwebjobs/hello") as answer:
        assert answer.status == 200
    async with api.delete("/api/triggeredwebjobs/HELLO") as answer:
        assert answer.status == 200
    async with api.get("/api/triggeredwebjobs/hello") as answer:
        assert answer.status == 404


async def test_an_upload_replaces_the_job_whose_name_differs_in_case_only(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "Hello")
    await backend.define(JobType.CONTINUOUS, "HELLO")

    async def both_are_known() -> bool:
        return len(await get_json(api, "/api/webjobs")) == 2

    await eventually(both_are_known)
    headers = {"Content-Disposition": "attachment; filename=run.sh"}
    for _ in range(2):
        async with api.put("/api/triggeredwebjobs/hello", data=b"echo", headers=headers) as answer:
            assert (answer.status, (await answer.json())["name"]) == (200, "Hello")
    assert backend.files == {("triggered", "Hello"): {"run.sh": b"echo"}}
    assert [job["name"] for job in await get_json(api, "/api/webjobs")] == ["Hello", "HELLO"]


async def test_a_job_is_found_however_the_letters_of_its_name_are_composed(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Jämförelse") for form in ("NFC", "NFD"))
    await backend.define(JobType.TRIGGERED, decomposed)  # as a folder from macOS is named
    for name in (composed, decomposed, composed.upper()):

        async def is_found(name: str = name) -> bool:
            async with api.get(f"/api/triggeredwebjobs/{quote(name)}") as answer:
                return answer.status == 200 and (await answer.json())["name"] == decomposed

        await eventually(is_found)


async def test_logs_have_kudus_names_too(api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.post("/api/triggeredwebjobs/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: backend.position == 2)
    output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    await backend.log(output, f"output_{run_id}.log", 0, b"one\n")
    job_log = bus.subjects.log(JobType.CONTINUOUS, "worker", INSTANCE)
    await backend.log(job_log, "job.log", 0, b"two\n")
    run = (await get_json(api, "/api/triggeredwebjobs/hello"))["latest_run"]
    worker = await get_json(api, "/api/continuouswebjobs/worker")
    for url, text in ((run["output_url"], "one\n"), (worker["log_url"], "two\n")):
        async with api.get(url) as answer:
            assert (answer.status, await answer.text()) == (200, text)


async def test_a_browser_gets_a_page_where_a_program_gets_the_job(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for path in ("/jobs", "/jobs/triggered/hello"):
        for accept, content_type in (("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/json")):
            async with api.get(path, headers={"Accept": accept}) as answer:
                assert (answer.status, answer.content_type) == (200, content_type)
                assert "Accept" in answer.headers["Vary"].split(", ")


async def test_arm_gets_its_envelope(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    plain = await get_json(api, "/api/triggeredwebjobs/hello")
    site = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/mine"
    referer = f"https://management.azure.com{site}/triggeredwebjobs/hello"
    assert await get_json(api, "/api/triggeredwebjobs/hello", Referer=referer, **ARM) == {
        "id": f"{site}/triggeredwebjobs/hello",
        "name": "mine/hello",
        "type": "Microsoft.Web/sites/triggeredwebjobs",
        "location": "West Europe",
        "properties": plain,
    }
    listed = await get_json(api, "/api/webjobs", **ARM)
    assert [each["properties"] for each in listed["value"]] == [plain]
    async with api.post("/api/triggeredwebjobs/hello/run", headers=ARM) as answer:
        assert answer.status == 200
        run_id = answer.headers["Location"].rpartition("/")[2]
    history = await get_json(api, "/api/triggeredwebjobs/hello/history", **ARM)
    assert [run["properties"]["id"] for run in history["value"]] == [run_id]
    tag = await tag_of(api, "/api/triggeredwebjobs/hello")
    async with api.get("/api/triggeredwebjobs/hello", headers={**ARM, "If-None-Match": tag}) as answer:
        assert answer.status == 200, "in its envelope it is another answer"
    assert "value" not in await get_json(api, f"/api/jobs/triggered/hello/history/{run_id}", **ARM)


async def test_arm_sets_the_settings_of_a_job_by_its_form_of_the_job(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker", settings={"old": 1})
    job = "/api/continuouswebjobs/worker"
    body = {"properties": {"name": "worker", "settings": {"is_singleton": True}}}
    async with api.put(job, json=body, headers=ARM) as answer:
        assert answer.status == 200
        assert (await answer.json())["properties"]["settings"] == {"is_singleton": True}
    assert await get_json(api, f"{job}/settings") == {"is_singleton": True}
    for bad in ({}, {"properties": []}, {"properties": {"settings": 1}}, []):
        async with api.put(job, json=bad, headers=ARM) as answer:
            assert answer.status == 400
            assert "JSON object" in await answer.text()
    async with api.put("/api/continuouswebjobs/other", json=body, headers=ARM) as answer:
        assert answer.status == 404


async def test_every_triggered_job_is_an_operation_in_swagger(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "a b")
    await backend.define(JobType.CONTINUOUS, "worker")

    async def is_listed() -> bool:
        document = await get_json(api, "/api/triggeredwebjobsswagger")
        assert document["swagger"] == "2.0"
        assert f"{document['schemes'][0]}://{document['host']}" == api_url
        return list(document["paths"]) == ["/api/triggeredwebjobs/a%20b/run"] and (
            document["paths"]["/api/triggeredwebjobs/a%20b/run"]["post"]["operationId"] == "a b"
        )

    await eventually(is_listed)


@pytest.mark.parametrize(
    ("status", "legacy", "kudu"),
    [
        (Status.STOPPING, "Running", "Stopping"),
        (Status.INACTIVE_INSTANCE, "Initializing", "InactiveInstance"),
    ],
)
async def test_the_legacy_dialect_has_five_words_for_continuous_jobs(
    api: aiohttp.ClientSession, backend: FakeBackend, status: Status, legacy: str, kudu: str
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": status})
    assert (await get_json(api, "/api/jobs/continuous/worker"))["status"] == legacy
    for path in ("/api/jobs", "/api/jobs/continuous"):
        assert [job["status"] for job in await get_json(api, path)] == [legacy]
    for path in ("/", "/pages/continuous/worker"):
        async with api.get(path) as page:
            assert f'class="status {kudu}"' in await page.text()
    for dialect in (KUDU, KUDU_OLDER, KUDU_OLDEST):
        job = await get_json(api, f"{dialect.jobs_of(JobType.CONTINUOUS)}/worker")
        assert job["detailed_status"] == f"{INSTANCE} - {kudu}\r\n"


async def test_the_legacy_tag_does_not_tell_of_a_stop_before_its_words_do(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    """The tag of Kudu's dialect does: there the word changes."""
    await backend.define(JobType.CONTINUOUS, "worker")
    paths = (
        "/api/jobs/continuous/worker",
        "/api/jobs/continuous",
        "/api/jobs",
        "/api/continuouswebjobs/worker",
    )
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    running = [await tag_of(api, path) for path in paths]
    backend.tell("worker", **{f"i{INSTANCE}": Status.STOPPING})
    stopping = [await tag_of(api, path) for path in paths]
    assert running[:3] == stopping[:3]
    assert running[3] != stopping[3]


@pytest.mark.parametrize("job_type", JobType)
async def test_warnings_are_in_kudus_json_in_headers_elsewhere_and_on_the_page(
    job_type: JobType, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(job_type, "job", warnings=["ä was left out."], settings_warnings=["<b> is odd."])
    both, in_headers = ["ä was left out.", "<b> is odd."], ["\\xe4 was left out.", "<b> is odd."]
    kudu, legacy = f"/api/{job_type.value}webjobs/job", f"/api/jobs/{job_type.value}/job"
    assert (await get_json(api, kudu))["warnings"] == both
    async with api.get(legacy) as answer:
        assert answer.headers.getall("Webjobs-Warning") == in_headers
        assert "warnings" not in await answer.json()
    async with api.put(f"{kudu}/settings", json={"a": 1}) as answer:
        assert (answer.status, await answer.json()) == (200, {"warnings": both})
    async with api.put(f"{legacy}/settings", json={"a": 2}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers.getall("Webjobs-Warning") == in_headers
    async with api.get(f"/pages/{job_type.value}/job") as answer:
        page = await answer.text()
        assert "ä was left out." in page and "&lt;b&gt; is odd." in page


async def test_addresses_are_understood_in_any_case_and_answered_in_their_own(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    headers = {"Content-Disposition": "attachment; filename=run.sh"}
    async with api.put("/Api/TriggeredWebJobs/Hello", data=b"echo", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["url"] == f"{api_url}/api/triggeredwebjobs/Hello"
    async with api.post("/api/triggeredWebJobs/hello/Run/?Arguments=A%20b&API-Version=1") as answer:
        assert answer.status == 202, await answer.text()
        location = answer.headers["Location"]
    assert location.startswith(f"{api_url}/api/triggeredwebjobs/Hello/history/")
    await eventually(lambda: "Hello" in backend.held)
    assert backend.held["Hello"].command.arguments == "A b"
    await backend.end_run("Hello")
    run = await get_json(api, location)
    assert await get_json(api, location.replace("/api/triggeredwebjobs", "/API/TRIGGEREDWEBJOBS")) == run
    listed = await get_json(api, "/API/Runs?STATUS=Success&Job=Hello")
    assert [each["id"] for each in listed["runs"]] == [run["id"]]
    for path in ("/HealthZ", "/API/WebJobs", "/Jobs/triggered", "/OpenAPI.json", "/Docs", "/API/Settings"):
        assert await status_of(api, "GET", path) == 200, path
    assert await status_of(api, "POST", "/API/WebJobs") == 405
    assert await status_of(api, "GET", "/API/Runs?stat=Success") == 400
    assert await status_of(api, "GET", "/API/Runs?limit=1&Limit=2") == 400
    assert await status_of(api, "GET", "/%76fs/LogFiles/Application/continuous/x.log") == 404


async def status_of(api: aiohttp.ClientSession, method: str, path: str) -> int:
    async with api.request(method, URL(path, encoded=True)) as answer:
        return answer.status
