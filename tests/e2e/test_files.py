"""A job kept by a client of files: written, changed, disabled and removed one file at a time."""

import io
import json
import zipfile

from support.client import Client, unique
from support.eventually import eventually
from support.stack import RunningStack

ANY = "*"


async def put(client: Client, address: str, body: str) -> int:
    return (await client.put(address, body, If_Match=ANY)).status


async def delete(client: Client, address: str) -> int:
    return (await client.ask("DELETE", address, headers={"If-Match": ANY})).status


async def test_a_triggered_job_is_written_file_by_file(client: Client, stack: RunningStack) -> None:
    name = unique("written")
    folder = f"/api/vfs/site/wwwroot/App_Data/jobs/triggered/{name}"
    assert await put(client, f"{folder}/run.sh", "cat lib/words.txt") == 201
    assert await put(client, f"{folder}/lib/words.txt", "first") == 201

    async def says(words: str) -> bool:
        job = await client.get(f"/api/jobs/triggered/{name}")
        return job.status == 200 and await client.output_of(await client.run_to_end(name)) == [words]

    await eventually(lambda: says("first"), 40)
    run = (await client.job("triggered", name))["latest_run"]
    run_folder = f"/vfs/data/jobs/triggered/{name}/{run['id']}/"
    hrefs = {entry["name"]: entry["href"] for entry in await client.json(run_folder)}
    assert "first" in (await client.get(hrefs[f"output_{run['id']}.log"])).text

    read = await client.get(f"{folder}/lib/words.txt")
    assert read.text == "first"
    changed = await client.put(f"{folder}/lib/words.txt", "second", If_Match=read.headers["Etag"])
    assert changed.status == 204
    await eventually(lambda: says("second"), 40)

    assert await put(client, f"{folder}/settings.job", '{"mine": 1}') == 201

    async def is_set() -> bool:
        return bool(await client.json(f"/api/jobs/triggered/{name}/settings") == {"mine": 1})

    await eventually(is_set, 40)
    packed = await client.get(folder.replace("/vfs/", "/zip/"))
    with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
        assert {"run.sh", "lib/words.txt", "settings.job"} <= set(archive.namelist())
    assert (await client.delete(f"{folder}?recursive=true")).status == 200
    assert (await client.get(f"/api/jobs/triggered/{name}")).status == 404
    assert (await client.get(f"{folder}/")).status == 404


async def test_a_folder_that_is_no_job_is_removed_where_jobs_are(client: Client, stack: RunningStack) -> None:
    name = unique("no-job")
    for prefix in ("/vfs", "/api/vfs"):
        folder = f"{prefix}/site/wwwroot/App_Data/jobs/triggered/{name}"
        assert await put(client, f"{folder}/readme.txt", "no script") == 201
        assert (await client.delete(folder)).status == 409
        assert (await client.delete(f"{folder}?recursive=true")).status == 200
        assert not (stack.jobs / "triggered" / name).exists()
        assert (await client.delete(folder)).status == 404


async def test_a_continuous_job_is_disabled_and_enabled_by_its_file(client: Client) -> None:
    name = unique("switched")
    folder = f"/vfs/site/wwwroot/app_data/jobs/continuous/{name}"
    assert await put(client, f"{folder}/run.sh", "sleep 1000") == 201

    async def is_there() -> bool:
        return (await client.get(f"/api/jobs/continuous/{name}")).status == 200

    await eventually(is_there, 40)
    await client.until_status(name, "Running")
    assert await put(client, f"{folder}/disable.job", "") == 201
    await client.until_status(name, "Stopped")
    assert await delete(client, f"{folder}/disable.job") == 200
    await client.until_status(name, "Running")
    await client.post(f"/api/jobs/continuous/{name}/stop")
    assert (await client.get(f"{folder}/disable.job")).status == 200
    listed = json.loads((await client.get(f"{folder}/")).body)
    assert {entry["name"] for entry in listed} == {"disable.job", "run.sh"}
    assert (await client.delete(f"/api/jobs/continuous/{name}")).status == 200
