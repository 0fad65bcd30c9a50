"""What was refused is in the answer, at the job and in the list, until it is mended."""

import shutil

from support.archives import zip_of
from support.bus import job_events
from support.client import Client, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack


async def refusals_of(client: Client, name: str) -> list[tuple[str, str, str]]:
    answer = await client.get("/api/refusals")
    assert answer.status == 200
    return [(each["from"], each["what"], each["reason"]) for each in answer.json if each["job"] == name]


async def error_of(client: Client, name: str) -> str | None:
    return (await client.get(f"/api/triggeredwebjobs/{name}")).json["error"]


async def test_what_is_sent_and_refused_is_listed_until_it_is_mended(
    client: Client, stack: RunningStack
) -> None:
    name = unique("refused")
    url = job_url("triggered", name)
    refused = await client.put(url, zip_of({"readme.txt": "x"}), Content_Type="application/zip")
    assert refused.status == 400
    assert await refusals_of(client, name) == [("api", "files", refused.text)]
    gone = await client.get(url)
    assert (gone.status, refused.text in gone.text) == (404, True)

    await client.put_script("triggered", name, "echo")
    assert await refusals_of(client, name) == []
    await eventually(lambda: _has_no_error(client, name))

    async with job_events(stack.nats_url, "triggered", name) as seen:
        wrong = await client.put(f"{url}/settings", b'{"schedule": "never"}', Content_Type="application/json")
        assert wrong.status == 400
        await seen.until(lambda events: bool(events.of("SettingsRefused")))
        assert seen.of("SettingsRefused")[-1].reason == wrong.text  # type: ignore[attr-defined]
    assert await refusals_of(client, name) == [("api", "settings", wrong.text)]
    assert wrong.text in (await error_of(client, name) or "")
    again = await client.put(url, b"no archive", Content_Type="application/zip")
    assert again.status == 400
    assert {what for _, what, _ in await refusals_of(client, name)} == {"files", "settings"}
    assert again.text in (await error_of(client, name) or "")

    right = await client.put(f"{url}/settings", b'{"is_singleton": true}', Content_Type="application/json")
    assert right.status == 200
    assert await refusals_of(client, name) == [("api", "files", again.text)]
    await client.delete(url)
    assert await refusals_of(client, name) == []


async def _has_no_error(client: Client, name: str) -> bool:
    return await error_of(client, name) is None


async def test_a_refused_upload_of_no_job_is_removed_with_a_delete(client: Client) -> None:
    name = unique("never")
    await client.put(job_url("triggered", name), b"no archive", Content_Type="application/zip")
    assert len(await refusals_of(client, name)) == 1
    await client.delete(job_url("triggered", name))
    assert await refusals_of(client, name) == []


async def test_a_refused_folder_is_listed_until_it_is_mended_or_removed(
    client: Client, stack: RunningStack
) -> None:
    name = unique("folder")
    folder = stack.jobs / "triggered" / name

    async def is_listed() -> bool:
        return bool(await refusals_of(client, name))

    async def is_mended() -> bool:
        return not await refusals_of(client, name)

    folder.mkdir()
    (folder / "readme.txt").touch()
    await eventually(is_listed, 30)
    ((source, _, reason),) = await refusals_of(client, name)
    assert (source, "No runnable script" in reason) == ("folder", True)
    overview = (await client.get("/")).text
    assert name in overview
    (folder / "run.sh").write_text("echo")
    await eventually(is_mended, 30)
    assert await error_of(client, name) is None
    (folder / "run.sh").unlink()
    await eventually(is_listed, 30)
    shutil.rmtree(folder)
    await eventually(is_mended, 30)
