"""Versions of a job over HTTP: listed, restored, refused."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from support.runners import zipped
from webjobs_events.commands import DeployJob
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobVersion
from webjobs_rules.job import JobType

AT = datetime(2026, 1, 1, tzinfo=UTC)
DIGESTS = [letter * 64 for letter in "abcd"]
PRESENT, BEFORE, LOST, OLD = DIGESTS
FILES = {
    PRESENT: {"run.sh": "echo '<b>'\n", "new.txt": "new\n"},
    BEFORE: {"run.sh": "echo 1\n", "data": b"\0"},
    OLD: {"run.sh": ""},
}
URL = "/api/jobs/triggered/a%20b/versions"


def version(digest: str, age: int, **facts: Any) -> JobVersion:
    facts = {"deployed_by": "Dashboard", "instance": "327e1e", "files": 2, "size": 5} | facts
    return JobVersion(digest=digest, script="run.sh", deployed_at=AT - timedelta(days=age), **facts)


@pytest.fixture
async def job(backend: FakeBackend, bus: Bus) -> None:
    """A job with four versions, two of whose packages are there."""
    versions = [
        version(PRESENT, 0, settings={"schedule": "0 0 2 * * *"}),
        version(BEFORE, 1, files=3),
        version(LOST, 2),
        version(OLD, 3, is_kept=False),
    ]
    for digest, files in FILES.items():
        await bus.packages.put(digest, io.BytesIO(zipped(files)))
    await backend.define(JobType.TRIGGERED, "a b", digest=PRESENT, versions=versions)


@pytest.mark.usefixtures("job")
async def test_versions_are_listed_newest_first_with_what_can_be_restored(api: aiohttp.ClientSession) -> None:
    for url in (URL, f"{URL}/", "/api/triggeredwebjobs/a%20b/versions", "/api/jobs/triggered/A%20B/versions"):
        async with api.get(url) as answer:
            assert answer.status == 200
            listed = await answer.json()
    assert [(each["digest"], each["is_current"], each["is_kept"]) for each in listed] == [
        (PRESENT, True, True),
        (BEFORE, False, True),
        (LOST, False, False),
        (OLD, False, False),
    ]
    assert listed[1] == {
        "digest": BEFORE,
        "deployed_at": "2025-12-31T00:00:00Z",
        "deployed_by": "Dashboard",
        "runner": "327e1e",
        "script": "run.sh",
        "files": 3,
        "size": 5,
        "is_current": False,
        "is_kept": True,
    }


@pytest.mark.usefixtures("job")
async def test_a_version_is_restored_by_its_digest_or_the_beginning_of_it(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    for name in (BEFORE[:12], BEFORE):  # the second time it is the present one
        async with api.post(f"{URL}/{name}/restore") as answer:
            assert (answer.status, (await answer.json())["name"]) == (200, "a b")
        async with api.get(URL) as answer:
            listed = await answer.json()
        assert [each["digest"] for each in listed] == [BEFORE, PRESENT, LOST, OLD]
        assert listed[0]["is_current"]
    (command,) = backend.seen
    assert isinstance(command, DeployJob)
    assert (command.upload, command.requested_by) == (BEFORE, "External - tests/1")
    assert await bus.packages.exists(BEFORE)


@pytest.mark.usefixtures("job")
async def test_what_cannot_be_restored_says_why(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    refused = {
        f"{URL}/{LOST}/restore": (410, "not kept any more"),
        f"{URL}/{OLD}/restore": (410, "not kept any more"),
        f"{URL}/{'e' * 64}/restore": (404, "no version"),
        f"{URL}/{BEFORE[:7]}/restore": (404, "first 8 digits"),
        f"{URL}/%00{'<' * 200}/restore": (404, "no version"),
        "/api/jobs/triggered/none/versions/aaaaaaaa/restore": (404, "no triggered job"),
    }
    for url, (status, text) in refused.items():
        async with api.post(url) as answer:
            assert (answer.status, text in await answer.text()) == (status, True), url
    async with api.get("/api/jobs/continuous/a%20b/versions") as answer:
        assert answer.status == 404
    assert not backend.seen


async def test_a_job_of_an_earlier_release_has_its_present_version(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.get("/api/jobs/continuous/worker/versions") as answer:
        (only,) = await answer.json()
    assert (only["digest"], only["files"], only["is_current"]) == ("d1", None, True)


@pytest.mark.usefixtures("job")
async def test_a_version_is_compared_with_the_one_before_or_with_another_one(
    api: aiohttp.ClientSession,
) -> None:
    async with api.get(f"{URL}/{PRESENT}/diff") as answer:
        assert answer.status == 200
        diff = await answer.json()
    assert (diff["digest"], diff["against"], diff["left_out"]) == (PRESENT, BEFORE, [])
    assert [(each["path"], each["change"]) for each in diff["files"]] == [
        ("data", "removed"),
        ("new.txt", "added"),
        ("run.sh", "changed"),
    ]
    assert diff["files"][2] == {
        "path": "run.sh",
        "change": "changed",
        "size_before": 7,
        "size_after": 11,
        "lines": ["@@ -1 +1 @@", "-echo 1", "+echo '<b>'"],
        "note": "",
    }
    assert diff["settings"] == [
        {"key": "schedule", "change": "added", "before": None, "after": "0 0 2 * * *"}
    ]
    async with api.get(f"{URL}/{BEFORE}/diff", params={"against": PRESENT[:8]}) as answer:
        turned = await answer.json()
    assert turned["files"][2]["lines"] == ["@@ -1 +1 @@", "-echo '<b>'", "+echo 1"]
    async with api.get(f"{URL}/{BEFORE}/diff") as answer:  # the one before it is lost
        assert (answer.status, (await answer.json())["files"]) == (200, [])
        assert LOST[:12] in (await answer.json())["left_out"][0]


@pytest.mark.usefixtures("job")
async def test_what_cannot_be_compared_says_why(api: aiohttp.ClientSession, bus: Bus) -> None:
    for path, status in (
        (f"{OLD}/diff", 410),
        (f"{LOST}/diff", 410),
        (f"{PRESENT}/diff?against={OLD}", 410),
        (f"{PRESENT}/diff?against={'e' * 64}", 404),
        (f"{'e' * 64}/diff", 404),
        (f"{PRESENT}/diff?with=x", 400),
    ):
        async with api.get(f"{URL}/{path}") as answer:
            assert (answer.status, answer.content_type) == (status, "text/plain"), path
    await bus.packages.put(PRESENT, io.BytesIO(b"no archive"))
    async with api.get(f"{URL}/{PRESENT}/diff") as answer:
        assert answer.status == 410


PAGE = "/pages/triggered/a%20b"


async def text_of(api: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with api.get(path) as answer:
        assert (answer.status, answer.content_type) == (status, "text/html")
        return await answer.text()


@pytest.mark.usefixtures("job")
async def test_the_page_of_a_job_lists_its_versions_and_shows_what_a_restore_changes(
    api: aiohttp.ClientSession,
) -> None:
    text = await text_of(api, PAGE)
    assert f"<code>{PRESENT[:12]}</code> <strong>present</strong>" in text
    assert "3 files, 5 B" in text and "Dashboard" in text
    assert text.count("Its files are not kept any more.") == 1
    assert "Restore this version" not in text

    text = await text_of(api, f"{PAGE}?version={PRESENT[:12]}")
    assert f"Version {PRESENT[:12]}, compared with {BEFORE[:12]}" in text
    assert '<span class="del">-echo 1\n</span><span class="add">+echo &#39;&lt;b&gt;&#39;\n</span>' in text
    assert "added: &#34;0 0 2 * * *&#34;" in text
    assert "Restore this version" not in text  # it is the present one

    compared = f"{PAGE}?version={BEFORE[:12]}&against={PRESENT[:12]}"
    assert compared.replace("&", "&amp;") in text
    text = await text_of(api, compared)
    assert f"What restoring version {BEFORE[:12]} would change" in text
    assert f'action="{PAGE}/versions/{BEFORE}/restore?_once=' in text
    only = await text_of(api, f"{compared}&_regions=diff")
    assert only.strip().startswith('<section id="diff"') and "Versions" not in only

    for query, reason in ((f"version={LOST}", "not kept any more"), ("version=%3Cb%3E", "no version")):
        text = await text_of(api, f"{PAGE}?{query}")
        assert reason in text and "<b>" not in text.partition('id="diff"')[2].partition("</section>")[0]


@pytest.mark.usefixtures("job")
async def test_a_version_is_restored_by_its_button_and_the_page_says_why_one_cannot_be(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    async with api.post(f"{PAGE}/versions/{BEFORE}/restore", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, PAGE)
    assert f"<code>{BEFORE[:12]}</code> <strong>present</strong>" in await text_of(api, PAGE)
    assert [command.requested_by for command in backend.seen] == ["Dashboard"]
    for digest, status in ((LOST, 410), ("e" * 64, 404)):
        async with api.post(f"{PAGE}/versions/{digest}/restore") as answer:
            text = await answer.text()
        assert answer.status == status
        assert f'name="next" value="{PAGE}"' in text  # where the frame's own forms lead back to
        assert 'role="alert"' in text


async def test_the_page_of_a_continuous_job_has_versions_too(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker", digest=PRESENT, versions=[version(PRESENT, 0)])
    text = await text_of(api, "/pages/continuous/worker")
    assert f"<code>{PRESENT[:12]}</code> <strong>present</strong>" in text
    text = await text_of(api, f"/pages/continuous/worker?version={PRESENT}")
    assert "not kept any more" in text  # its package was never stored


async def test_the_page_of_a_job_shows_its_readme_as_text(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for job_type, readme in ((JobType.TRIGGERED, "# Greets\n<img src=x>"), (JobType.CONTINUOUS, "")):
        await backend.define(job_type, "hello", readme=readme)
        text = await text_of(api, f"/pages/{job_type}/hello")
        assert ("<pre># Greets\n&lt;img src=x&gt;</pre>" in text) == bool(readme)
        assert ("README.md" in text) == bool(readme)
