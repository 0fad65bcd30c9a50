"""Packages as `az webapp deploy`, `config-zip` and the GitHub action send them."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from integration.files.conftest import Files, Got, uploads_of
from support.client import unique
from support.eventually import eventually
from support.history import serving
from support.runners import zipped
from support.zip_makers import finder_zip
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_api.site_deployments.record import Deployment, Status
from webjobs_api.site_deployments.store import DeploymentStore
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobType

JOBS = "App_Data/jobs"
# What DeployResult has, in Kudu's order.
FIELDS = (
    "id,status,status_text,author_email,author,deployer,message,progress,received_time,start_time,end_time,"
    "last_success_end_time,complete,active,is_temp,is_readonly,url,log_url,site_name"
).split(",")


async def post(files: Files, path: str, body: Any, **headers: str) -> Got:
    return await files.ask("POST", path, body, **{"Content_Type": "application/octet-stream", **headers})


async def is_job(bus: Bus, name: str, job_type: JobType = JobType.TRIGGERED) -> bool:
    return await bus.jobs.get(Subjects.definition_key(job_type, name)) is not None  # type: ignore[arg-type]


def json_of(got: Got) -> Any:
    assert got.status in (200, 202), got.text
    return json.loads(got.body)


async def log_of(files: Files, deployment: str) -> list[tuple[int, str]]:
    entries = json_of(await files.get(f"/api/deployments/{deployment}/log"))
    assert all(set(each) == {"log_time", "id", "message", "type", "details_url"} for each in entries)
    return [(each["type"], each["message"]) for each in entries]


@pytest_asyncio.fixture
async def history(nats_url: str, database_url: str, namespace: str) -> AsyncIterator[None]:
    """Keeps the deployments of jobs, which the list names beside those of packages."""
    settings = HistorySettings(
        nats_url=nats_url, database_url=database_url, namespace=namespace, health_port=0
    )
    async with serving(settings):
        yield


async def test_a_package_is_laid_over_wwwroot_and_its_jobs_are_jobs_with_the_answer(
    files: Files, bus: Bus, history: None
) -> None:
    good, bad, kept = unique("good"), unique("bad"), unique("kept")
    first = zipped({f"{JOBS}/triggered/{kept}/run.sh": "echo", "index.html": "1", "old.txt": "1"})
    assert (await post(files, "/api/zipdeploy", first)).status == 200
    second = zipped(
        {
            "index.html": "2",
            f"{JOBS}/triggered/{good}/run.sh": "echo\r\n",
            f"{JOBS}/triggered/{good}/two.sh": "echo",
            f"{JOBS}/continuous/{bad}/readme.txt": "no script",
        }
    )
    got = await post(files, "/api/zipdeploy?deployer=me&message=Hello&author=Ann", second)
    deployment = json_of(got)
    assert list(deployment)[: len(FIELDS)] == FIELDS
    assert (deployment["status"], deployment["complete"], deployment["active"]) == (4, True, True)
    assert (deployment["deployer"], deployment["message"], deployment["author"]) == ("me", "Hello", "Ann")
    assert got.headers["SCM-DEPLOYMENT-ID"] == deployment["id"]
    assert await is_job(bus, good)
    assert await is_job(bus, kept)
    assert not await is_job(bus, bad, JobType.CONTINUOUS)
    assert (files.wwwroot / "index.html").read_text() == "2"
    assert (files.wwwroot / "old.txt").read_text() == "1"
    refused = next(each for each in deployment["warnings"] if bad in each)
    assert "refused" in refused
    assert any(good in each for each in deployment["warnings"]), "the line ends are cleaned"
    assert len(got.headers.getall("Webjobs-Warning")) == len(deployment["warnings"])
    assert "refused" in deployment["status_text"]
    log = await log_of(files, deployment["id"])
    assert (2, refused) in log
    assert (0, "Deployment successful.") == log[-1]
    assert json_of(await files.get("/api/deployments/latest")) == deployment
    assert json_of(await files.get(f"/api/deployments/{deployment['id']}")) == deployment
    listed = json_of(await files.get("/api/deployments/?$orderby=ReceivedTime%20desc&$top=20"))
    assert [each["message"] for each in listed] == ["Hello", "Created via a push deployment"]
    assert [each["active"] for each in listed] == [True, False]


async def test_clients_that_do_not_wait_poll_the_latest_deployment(files: Files, bus: Bus) -> None:
    for path in ("/api/zipdeploy?isasync=True", "/api/Publish?type=zip&async=True&restart=True&clean=False"):
        name = unique("polled")
        got = await post(files, path, zipped({f"{JOBS}/triggered/{name}/run.sh": "echo"}))
        assert got.status == 202
        assert got.headers["Location"].startswith(f"{files.url}/api/deployments/latest?deployer=")
        begun = json_of(got)
        assert begun["status"] in (0, 1, 2)
        assert not begun["complete"]
        while (polled := await files.get(got.headers["Location"].removeprefix(files.url))).status == 202:
            assert json_of(polled)["status"] in (0, 1, 2)
            await asyncio.sleep(0)
        done = json_of(polled)
        assert (done["id"], done["status"], done["complete"]) == (begun["id"], 4, True)
        assert await is_job(bus, name)


async def test_a_package_that_is_refused_has_changed_nothing_and_is_recorded(files: Files, bus: Bus) -> None:
    name = unique("stays")
    run = f"{JOBS}/triggered/{name}/run.sh"
    assert (await post(files, "/api/zipdeploy", zipped({run: "echo 1", "keep": "1"}))).status == 200
    newer = zipped({run: "echo 2", "keep": "2"})
    for body in (b"no archive", newer[:-30], zipped({run: "echo 2", "../out": "x"})):
        for path in ("/api/zipdeploy", "/api/zipdeploy?clean=true", "/api/publish?type=zip&clean=true"):
            got = await post(files, path, body)
            assert got.status == 400, got.text
            latest = json_of(await files.get("/api/deployments/latest"))
            assert (latest["status"], latest["complete"], latest["active"]) == (3, True, False)
            assert latest["status_text"] == got.text
            assert (2, got.text) in await log_of(files, "latest")
    asked = await post(files, "/api/zipdeploy?isAsync=true", b"no archive")
    assert asked.status == 202
    await eventually(lambda: _is_complete(files))
    assert json_of(await files.get("/api/deployments/latest"))["status"] == 3
    assert (files.wwwroot / "keep").read_text() == "1"
    assert (files.wwwroot / "app_data" / run.removeprefix("App_Data/")).read_text() == "echo 1"
    assert await is_job(bus, name)
    await eventually(lambda: uploads_of(files.site) == [])


async def _is_complete(files: Files) -> bool:
    return bool(json_of(await files.get("/api/deployments/latest"))["complete"])


async def test_what_is_too_large_or_no_package_is_refused_before_it_is_a_deployment(
    files: Files, history: None
) -> None:
    too_large = bytes(9 * 1024 * 1024)
    by_url = json.dumps({"packageUri": "https://example.com/a.zip"}).encode()
    for method in ("POST", "PUT"):
        for path in ("/api/zipdeploy", "/api/publish?type=zip"):
            for body, content_type, status, word in (
                (io.BytesIO(too_large), "application/zip", 413, "limit"),
                (by_url, "application/json", 400, "packageUri"),
                (b"--x--", "multipart/form-data; boundary=x", 400, "form"),
            ):
                got = await files.ask(method, path, body, Content_Type=content_type)
                assert got.status == status, got.text
                assert word in got.text
    for path in ("/api/zipdeploy", "/api/zipdeploy?isAsync=true", "/api/publish?type=zip&async=true"):
        empty = await post(files, path, b"")
        assert (empty.status, "empty" in empty.text) == (400, True)
    for query in ("", "?type=startup", "?type=war", "?type=static", "?typ=zip", "?type=zip&clean=perhaps"):
        assert (await post(files, f"/api/publish{query}", b"x")).status == 400
    assert (await post(files, "/api/zipdeploy", zipped({"a": "b"}), Content_Encoding="gzip")).status == 415
    assert json_of(await files.get("/api/deployments")) == []
    assert (await files.get("/api/deployments/latest")).status == 404
    assert (await files.get("/api/deployments/none/log")).status == 404


async def test_a_package_is_taken_as_it_is_wrapped_and_what_was_left_out_is_warned_of(
    files: Files, bus: Bus
) -> None:
    name = unique("wrapped")
    packed = finder_zip({f"App_Data/Jobs/Triggered/{name}/run.sh": "#!/bin/sh\n"})
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.zip"\r\n\r\n'
    for path in ("/api/zipdeploy", "/api/publish?type=zip"):
        for body, content_type in (
            (packed, "multipart/form-data"),
            (head + packed + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        ):
            got = await post(files, path, body, Content_Type=content_type)
            (warning,) = json_of(got)["warnings"]
            assert warning.startswith("Left out 3 files that macOS or Windows added: ")
            assert await is_job(bus, name)
    assert [path.name for path in files.wwwroot.iterdir()] == ["app_data"]


async def test_a_package_goes_to_the_folder_that_path_names(files: Files, bus: Bus) -> None:
    name, other = unique("path"), unique("file")
    folder = f"App_Data/jobs/triggered/{name}"
    paths = (folder, f"/home/site/wwwroot/{folder}", f"site/wwwroot/{folder}")
    for content, path in enumerate(paths):
        got = await post(files, f"/api/publish?type=zip&path={path}", zipped({"run.sh": f"echo {content}"}))
        assert got.status == 200, got.text
        place = files.wwwroot / "app_data" / "jobs" / "triggered" / name / "run.sh"
        assert place.read_text() == f"echo {content}"
        assert await is_job(bus, name)
    run = f"App_Data/jobs/triggered/{other}/run.sh"
    for content in (b"echo 1", b"echo 2"):
        got = await post(files, f"/api/publish?type=static&path={run}", content)
        assert got.status == 200, got.text
        assert (files.wwwroot / "app_data" / run.removeprefix("App_Data/")).read_bytes() == content
    assert await is_job(bus, other)
    for path, status in (("../../out", 400), ("a/../../b", 400), ("/home/nats/x", 403)):
        got = await post(files, f"/api/publish?type=zip&path={path}", zipped({"a": "b"}))
        assert got.status == status, got.text


async def test_clean_removes_what_the_package_does_not_hold_and_leaves_stopped_jobs_stopped(
    files: Files, bus: Bus
) -> None:
    stays, goes = unique("stays"), unique("goes")
    both = {f"{JOBS}/triggered/{name}/run.sh": "echo" for name in (stays, goes)}
    extra = {"a/b/old.txt": "x", "a/kept.txt": "1", f"{JOBS}/triggered/{stays}/old.txt": "x"}
    assert (await post(files, "/api/zipdeploy", zipped(both | extra))).status == 200
    stopped = files.wwwroot / "app_data" / "jobs" / "triggered" / stays
    (stopped / "disable.job").touch()
    (files.site / "outside").mkdir()
    (files.site / "outside" / "x").touch()
    (files.wwwroot / "link").symlink_to(files.site / "outside")
    package = zipped({f"{JOBS}/triggered/{stays}/run.sh": "echo", "a/kept.txt": "2"})
    got = await post(files, "/api/publish?type=zip&clean=true", package)
    assert json_of(got)["status"] == 4
    left = {str(each.relative_to(files.wwwroot)) for each in files.wwwroot.rglob("*") if each.is_file()}
    folder = f"app_data/jobs/triggered/{stays}"
    assert left == {f"{folder}/run.sh", f"{folder}/disable.job", "a/kept.txt"}
    assert (files.site / "outside" / "x").exists()
    assert (files.wwwroot / "app_data" / "jobs" / "continuous").is_dir()
    assert await is_job(bus, stays)
    assert not await is_job(bus, goes)
    messages = [message for _, message in await log_of(files, "latest")]
    assert any(goes in message and "removed" in message for message in messages)


async def test_any_api_tells_of_a_deployment_and_one_is_made_at_a_time(
    files: Files, bus: Bus, settings: ApiSettings
) -> None:
    done = json_of(await post(files, "/api/zipdeploy", zipped({"a": "b"})))
    async with run_api(settings, {}) as url:
        other = Files(files.session, url, files.site)
        shown = json_of(await other.get("/api/deployments/latest"))
        assert (shown["id"], shown["url"]) == (done["id"], f"{url}/api/deployments/{done['id']}")
        now = datetime.now(UTC)
        pending = Deployment(
            id="p1", status=Status.DEPLOYING, deployer="x", message="", received_at=now, renewed_at=now
        )
        await DeploymentStore(bus).add(pending)
        for each in (files, other):
            refused = await post(each, "/api/zipdeploy", zipped({"a": "c"}))
            assert refused.status == 409
            assert "p1" in refused.text
            assert (await each.get("/api/deployments/latest")).status == 202
    assert (files.wwwroot / "a").read_text() == "b"


async def test_the_github_action_records_its_own_deployment(files: Files) -> None:
    body = json.dumps({"id": "s1", "status": 4, "message": "{}", "author": "ann", "deployer": "GitHub"})
    recorded = await files.put("/api/deployments/s1", body, Content_Type="application/json")
    assert (json_of(recorded)["id"], json_of(recorded)["active"]) == ("s1", True)
    assert (await files.put("/api/deployments/s1", body, Content_Type="application/json")).status == 409
    assert (await files.put("/api/deployments/s2", "{}", Content_Type="application/json")).status == 400
    assert json_of(await files.get("/api/deployments/s1/log")) == []
