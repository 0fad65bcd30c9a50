"""Uploads and deletions: what is accepted, what is refused and how, and that nothing is left behind."""

import asyncio
import errno
import gzip
import io
import time
import zipfile
from datetime import UTC, datetime
from itertools import product

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.http import upload_body
from webjobs_events.commands import DeployJob, UploadKind
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType
from yarl import URL

JOB = "/api/jobs/triggered/hello"
ZIP = {"Content-Type": "application/zip"}


def named(header: str) -> dict[str, str]:
    return {"Content-Disposition": header, "Content-Type": "application/octet-stream"}


SCRIPT = named("attachement; filename=run.sh")


def archive(**files: str) -> bytes:
    """A zip of files; `_` in a keyword stands for the dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            target.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


async def put(api: aiohttp.ClientSession, path: str, data: object, headers: dict[str, str]):
    async with api.put(path, data=data, headers=headers) as answer:
        return answer.status, await answer.text(), answer


async def stored_objects(bus: Bus) -> int:
    """How many messages the object store holds, chunks and entries that say deleted excepted."""
    stream = await bus.connection.js.stream_info(
        f"OBJ_{bus.subjects.packages_bucket}", subjects_filter=f"$O.{bus.subjects.packages_bucket}.C.>"
    )
    return len(stream.state.subjects or {})


async def nothing_is_left(bus: Bus) -> None:
    await eventually(lambda: _is_zero(bus))
    assert await bus.pending_subjects([bus.subjects.all_commands]) == []


async def _is_zero(bus: Bus) -> bool:
    return await stored_objects(bus) == 0


async def test_a_script_named_as_in_the_seed_is_deployed_and_visible_at_once(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, bus: Bus
) -> None:
    for job_type in ("triggered", "continuous"):
        status, text, answer = await put(api, f"/api/jobs/{job_type}/hello", b"echo hi", SCRIPT)
        assert status == 200, text
        job = await answer.json()
        assert (job["name"], job["type"], job["runCommand"]) == ("hello", job_type, "run.sh")
        async with api.get(f"/api/jobs/{job_type}/hello") as read:
            assert await read.json() == job
    assert backend.files["triggered", "hello"] == {"run.sh": b"echo hi"}
    async with api.post(f"{JOB}/run") as answer:
        assert answer.status == 202
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    await nothing_is_left(bus)


async def test_a_zip_is_deployed_as_all_files_or_merged_by_its_address(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    status, text, _ = await put(api, JOB, archive(run_sh="1", data_txt="old"), ZIP)
    assert status == 200, text
    for folder in ("App_Data", "app_data", "APP_DATA"):
        address = f"/api/zip/site/wwwroot/{folder}/jobs/triggered/hello/"
        status, text, _ = await put(api, address, archive(data_txt=folder), ZIP)
        assert status == 200, text
        assert backend.files["triggered", "hello"] == {"run.sh": b"1", "data.txt": folder.encode()}
    kinds = [command.kind for command in backend.seen if isinstance(command, DeployJob)]
    assert kinds == [UploadKind.ZIP, *[UploadKind.MERGE] * 3]
    await put(api, JOB, archive(run_sh="2"), {"Content-Type": "application/x-zip-compressed"})
    assert backend.files["triggered", "hello"] == {"run.sh": b"2"}


async def test_the_address_that_merges_needs_no_headers(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    address = "/api/zip/site/wwwroot/app_data/jobs/continuous/worker"
    status, text, _ = await put(api, address, archive(run_sh="1"), {"Content-Type": "binary/octet-stream"})
    assert status == 200, text
    assert backend.files["continuous", "worker"] == {"run.sh": b"1"}


async def test_large_bodies_come_through_whole_with_or_without_a_length(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    content = bytes(range(256)) * 4000  # a little less than the limit
    await put(api, JOB, content, SCRIPT)
    assert backend.files["triggered", "hello"] == {"run.sh": content}

    async def pieces():
        for at in range(0, len(content), 100_000):
            yield content[at : at + 100_000]

    await put(api, JOB, pieces(), SCRIPT)
    assert backend.files["triggered", "hello"] == {"run.sh": content}


CANNOT_BE: list[tuple[dict[str, str], bytes, str]] = [
    ({"Content-Type": "application/octet-stream"}, b"echo", "no file name"),
    (named("attachment"), b"echo", "no file name"),
    (named('attachment; filename=""'), b"echo", "no file name"),
    (named("attachment; filename=.."), b"echo", "not a file name"),
    (ZIP, b"this is no zip", "not a zip file"),
    (ZIP, archive(readme_txt="nothing to run"), "No runnable script"),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", "holds no file"),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\nA: b\r\n\r\ncut", "cut short"),
    (SCRIPT, b"", "The body is empty"),
    (ZIP, b"", "The body is empty"),
    ({"Content-Type": "multipart/form-data"}, b"echo", "no file name"),
]


async def test_what_cannot_be_deployed_is_refused_in_a_sentence(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    for headers, body, words in CANNOT_BE:
        status, text, answer = await put(api, JOB, body, headers)
        assert status == 400, (headers, body)
        assert any(word in text for word in words.split("|")), text
        assert answer.content_type == "text/plain" and len(text) < 300
        async with api.get(JOB) as read:
            assert read.status == 404
        await nothing_is_left(bus)


def form_of(*files: tuple[str, bytes], boundary: str = "----form") -> tuple[bytes, dict[str, str]]:
    """A form as browsers and curl write it, with a field beside the files; and its headers."""
    parts = [b'Content-Disposition: form-data; name="note"\r\n\r\na note']
    for name, content in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content)
    edge = f"--{boundary}".encode()
    body = b"".join(edge + b"\r\n" + part + b"\r\n" for part in parts) + edge + b"--\r\n"
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


async def test_forms_and_what_is_only_called_a_form_are_taken(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    packed = archive(run_sh="1")
    for body, headers in (
        (packed, {"Content-Type": "multipart/form-data"}),
        (packed, {"Content-Type": "multipart/form-data; boundary=nowhere"}),
        (packed, {"Content-Type": "Multipart/Form-Data", "Content-Disposition": "a; filename=x.zip"}),
        (b"1", {"Content-Type": "multipart/form-data", "Content-Disposition": "attachment; filename=run.sh"}),
        form_of(("C:\\Users\\me\\job.zip", packed)),
        form_of(("run.sh", b"1")),
        form_of(("run.sh", b"1"), boundary="a'b (c)"),
        (packed, named("attachment; filename=job.zip")),
        (packed, {"Content-Type": "application/octet-stream"}),
        (packed, {"Content-Type": "application/x-www-form-urlencoded"}),
    ):
        backend.files.clear()
        if "boundary" in headers["Content-Type"] and " " in headers["Content-Type"].partition("=")[2]:
            headers = {"Content-Type": 'multipart/form-data; boundary="a\'b (c)"'}
        status, text, _ = await put(api, JOB, body, headers)
        assert status == 200, (text, headers)
        assert backend.files["triggered", "hello"] == {"run.sh": b"1"}, headers
    await nothing_is_left(bus)
    body, headers = form_of(("run.sh", b"1"), ("lib.sh", b"2"))
    status, text, _ = await put(api, JOB, body, headers)
    assert (status, "2 files (run.sh, lib.sh)" in text) == (400, True), text
    body, headers = form_of(("run.sh", b""))
    assert (await put(api, JOB, body, headers))[0] == 400
    assert backend.files["triggered", "hello"] == {"run.sh": b"1"}


async def test_an_empty_body_leaves_the_job_as_it_is(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await put(api, JOB, b"1", SCRIPT)

    async def no_pieces():
        return
        yield b""

    for address in (
        JOB,
        "/api/triggeredwebjobs/hello",
        "/api/zip/site/wwwroot/app_data/jobs/triggered/hello",
    ):
        for headers in (SCRIPT, ZIP, {"Content-Type": "multipart/form-data"}):
            for body in (b"", no_pieces()):
                status, text, _ = await put(api, address, body, headers)
                assert status == 400, (address, headers)
                assert text.endswith(".")
    assert backend.files["triggered", "hello"] == {"run.sh": b"1"}


HOSTILE = ("..%2Fx", "%2E%2E", "a%00b", "x" * 300, "%20x", ".hidden", "a%5Cb", "a%0Ab", "a..b", "%E2%80%AE")


async def test_hostile_names_are_refused_everywhere(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    for name, (method, path) in product(
        HOSTILE,
        (
            ("PUT", "/api/jobs/triggered/{}"),
            ("GET", "/api/jobs/continuous/{}"),
            ("DELETE", "/api/jobs/triggered/{}"),
            ("POST", "/api/jobs/triggered/{}/run"),
            ("PUT", "/api/zip/site/wwwroot/App_Data/jobs/triggered/{}"),
        ),
    ):
        url = URL(api_url + path.format(name), encoded=True)
        body = {"data": b"x", "headers": SCRIPT} if method == "PUT" else {}
        async with api.request(method, url, **body) as answer:
            assert answer.status == 400, (method, path, name)
            assert "is not a job name" in await answer.text()
    assert backend.seen == []


async def test_names_that_cannot_be_decoded_are_no_fault_of_the_server(api_url: str) -> None:
    host, _, port = api_url.removeprefix("http://").partition(":")
    for target in (
        b"/api/jobs/triggered/%ff%fe",
        b"/api/jobs/triggered/..",
        b"/vfs/data/jobs/triggered/%/1/output_1.log",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = int((await reader.read()).split()[1])
        writer.close()
        assert status in (400, 404), target


async def test_too_large_bodies_are_refused_by_length_and_by_counting(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    async def endless():
        for _ in range(40):
            yield bytes(100_000)

    for body in (io.BytesIO(bytes(1024 * 1024 + 1)), endless()):
        try:
            status, text, _ = await put(api, JOB, body, SCRIPT)
        except aiohttp.ClientConnectionError:
            continue  # refused before the client had sent all of it
        assert status == 413
        assert "WEBJOBS_UPLOAD_LIMIT_MB" in text
    assert backend.seen == []
    await nothing_is_left(bus)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, bus: Bus
) -> None:
    host, _, port = api_url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"PUT {JOB} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        "Content-Disposition: attachment; filename=run.sh\r\n\r\nhalf of it".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with api.get(JOB) as answer:
        assert answer.status == 404
    assert backend.seen == []
    await nothing_is_left(bus)


async def test_a_deploy_that_no_runner_takes_in_time_waits_in_the_queue(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    backend.may_take_job_commands.clear()
    status, text, answer = await put(api, JOB, b"echo", SCRIPT)
    assert (status, answer.headers["Retry-After"]) == (202, "1"), text
    async with api.get(answer.headers["Location"]) as read:
        assert (await read.json())["state"] == "queued"
    async with api.get("/api/deployments") as listed:
        assert [each["url"] for each in await listed.json()] == [answer.headers["Location"]]
    backend.may_take_job_commands.set()
    await eventually(lambda: _is_deployed(api))
    await nothing_is_left(bus)


async def _is_deployed(api: aiohttp.ClientSession) -> bool:
    async with api.get(JOB) as answer:
        return answer.status == 200


async def test_a_deploy_whose_reply_was_lost_is_recognised_by_its_definition(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    backend.answers = False
    status, text, _ = await put(api, JOB, b"echo", SCRIPT)
    assert status == 200, text
    async with api.delete(JOB) as answer:
        assert answer.status == 200


async def test_without_a_runner_nothing_is_queued(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    await backend.fall_silent()
    await eventually(lambda: _healthz_misses(api, "runner"))
    requests = (
        ("PUT", JOB),
        ("DELETE", JOB),
        ("POST", f"{JOB}/run"),
        ("POST", "/api/jobs/continuous/worker/stop"),
    )

    async def status_of(method: str, path: str) -> tuple[int, str | None]:
        body = {"data": b"x", "headers": SCRIPT} if method == "PUT" else {}
        async with api.request(method, path, **body) as answer:
            return answer.status, answer.headers.get("Retry-After")

    answers = await asyncio.gather(*(status_of(*request) for request in requests))
    assert answers == [(503, "2")] * 4
    assert backend.seen == []
    await nothing_is_left(bus)


async def _healthz_misses(api: aiohttp.ClientSession, what: str) -> bool:
    async with api.get("/healthz") as answer:
        return answer.status == 503 and what in (await answer.json())["missing"]


async def test_deploys_of_one_job_take_turns_and_a_long_one_is_said_to_be_busy(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    answers = await asyncio.gather(*(put(api, JOB, f"echo {n}".encode(), SCRIPT) for n in range(4)))
    assert [status for status, _, _ in answers] == [200] * 4
    backend.may_take_job_commands.clear()
    first, second = await asyncio.gather(
        put(api, JOB, b"1", SCRIPT), put(api, "/api/jobs/triggered/other", b"1", SCRIPT)
    )
    assert (first[0], second[0]) == (202, 202)
    backend.may_take_job_commands.set()
    await eventually(lambda: _is_deployed(api))
    await nothing_is_left(bus)


async def test_a_deploy_beside_an_endless_one_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    backend.may_take_job_commands.clear()
    await bus.publish_command(
        DeployJob(
            command_id="elsewhere",
            job_type=JobType.TRIGGERED,
            job_name=JobName("hello"),
            requested_at=datetime.now(UTC),
            requested_by="another api",
            upload="upload-none",
            kind=UploadKind.ZIP,
        )
    )
    status, text, _ = await put(api, JOB, b"echo", SCRIPT)
    assert status == 409
    assert "not finished" in text
    await eventually(lambda: _is_zero(bus))


async def test_delete_is_200_for_present_absent_and_repeated(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await put(api, JOB, b"echo", SCRIPT)
    folder = "/api/vfs/site/wwwroot/App_Data/jobs/triggered/hello"
    async with api.delete(folder) as answer:
        assert answer.status == 409
        assert "recursive=true" in await answer.text()
    for _ in range(2):
        async with api.delete(JOB) as answer:
            assert (answer.status, await answer.text()) == (200, "")
        async with api.get(JOB) as answer:
            assert answer.status == 404
    await put(api, JOB, b"echo", SCRIPT)
    for path in (folder, f"{folder}/"):
        async with api.delete(f"{path}?recursive=true") as answer:
            assert answer.status == 200
    async with api.get(JOB) as answer:
        assert answer.status == 404


async def test_a_deploy_is_answered_though_history_is_away(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    backend.history_away = True
    for job_type in ("triggered", "continuous"):
        status, text, _ = await put(api, f"/api/jobs/{job_type}/hello", b"echo", SCRIPT)
        assert status == 200, text
    for path in ("/api/jobs", JOB, f"{JOB}/history", "/api/jobs/continuous/hello"):
        async with api.get(path) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert "Postgres is away" in await answer.text()
    assert await _healthz_misses(api, "history")


async def test_the_runners_words_reach_the_client(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await put(api, "/api/jobs/continuous/worker", b"echo", SCRIPT)
    address = "/api/jobs/continuous/worker/settings"
    began = time.monotonic()
    async with api.put(address, json={"is_singleton": "yes"}) as answer:
        words = "is_singleton in settings.job is wrong: expected boolean, got string."
        assert (answer.status, await answer.text()) == (400, words)
    assert time.monotonic() - began < 10, "no second answer is waited for"


@pytest.mark.parametrize("address", ["/api/jobs/triggered/packed", "/vfs/site/packed.txt", "/api/zip/site"])
async def test_a_compressed_body_is_refused_for_its_end_may_be_missing(
    api: aiohttp.ClientSession, address: str
) -> None:
    cut = gzip.compress(b"echo hello\n" * 100)[:-20]
    headers = {"Content-Encoding": "gzip", "Content-Disposition": "attachment; filename=run.sh"}
    async with api.put(address, data=io.BytesIO(cut), headers=headers) as answer:
        assert answer.status == 415
        assert await answer.text() == "Send the file as it is, without Content-Encoding: gzip."


async def test_an_upload_that_the_disk_of_the_api_does_not_take_is_507(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_target: object, _chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload_body, "_write", write)
    for content in (b"echo", b"e" * 1_000_000):
        status, text, _ = await put(api, JOB, content, SCRIPT)
        assert status == 507, text
        assert "no space left: the api cannot store the upload in" in text
    assert backend.seen == []
    await nothing_is_left(bus)


async def test_a_form_is_searched_piece_by_piece(
    api: aiohttp.ClientSession, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_body, "_WINDOW_BYTES", 7)
    content = b"echo hello\n--not-the-boundary\r\n" * 200
    form = aiohttp.FormData()
    form.add_field("before", "1")
    form.add_field("file", content, filename="run.sh", content_type="application/x-sh")
    async with api.post("/pages/triggered/hello/files", data=form) as answer:
        assert answer.status == 200, await answer.text()
    assert backend.files[JobType.TRIGGERED, JobName("hello")] == {"run.sh": content}
