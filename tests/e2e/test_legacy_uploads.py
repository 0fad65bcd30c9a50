"""Deployment in the legacy dialect: a zip or one file, by either address, or a copy into the folder."""

import asyncio
import shutil

import pytest
from support.archives import zip_of
from support.client import Client, job_url, unique
from support.eventually import eventually
from support.programs import find_program
from support.stack import RunningStack

TYPES = ("triggered", "continuous")
ORDER = ("cmd", "bat", "exe", "ps1", "sh", "php", "py", "js")
NEEDS = {
    "cmd": "wine",
    "bat": "wine",
    "exe": "wine",
    "ps1": "pwsh",
    "sh": "bash",
    "php": "php",
    "py": "python3",
    "js": "node",
}


@pytest.mark.parametrize("job_type", TYPES)
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("app_data", ["App_Data", "app_data"])
async def test_a_zip_is_deployed_by_the_address_of_its_folder(
    client: Client, stack: RunningStack, job_type: str, slash: str, app_data: str
) -> None:
    name = unique("zipped")
    address = f"/api/zip/site/wwwroot/{app_data}/jobs/{job_type}/{name}{slash}"
    answer = await client.put(address, zip_of({"run.sh": "echo a", "lib/data.txt": "b"}))
    assert answer.status == 200, answer.text
    assert answer.json["runCommand"] == "run.sh"
    folder = stack.jobs / job_type / name
    assert (folder / "lib" / "data.txt").read_text() == "b"

    answer = await client.put(address, zip_of({"more.txt": "c"}), Content_Type="application/zip")
    assert answer.status == 200
    assert sorted(path.name for path in folder.iterdir()) == ["lib", "more.txt", "run.sh"], "it is merged"
    await client.delete(job_url(job_type, name))


async def test_a_single_file_goes_to_the_address_of_its_folder_too(client: Client) -> None:
    name = unique("single")
    address = f"/api/zip/site/wwwroot/App_Data/jobs/triggered/{name}/"
    answer = await client.put(address, "echo hi", Content_Disposition="attachement; filename=foo.sh")
    assert (answer.status, answer.json["runCommand"]) == (200, "foo.sh")


@pytest.mark.parametrize("job_type", TYPES)
async def test_a_zip_put_on_the_job_is_all_of_its_files(
    client: Client, stack: RunningStack, job_type: str
) -> None:
    name = unique("replaced")
    await client.put_zip(job_type, name, {"run.sh": "echo a", "old.txt": "a"})
    job = await client.put_zip(job_type, name, {"go.py": "print('b')", "new.txt": "b"})
    assert job["runCommand"] == "go.py"
    assert sorted(path.name for path in (stack.jobs / job_type / name).iterdir()) == ["go.py", "new.txt"]
    await client.delete(job_url(job_type, name))


@pytest.mark.parametrize(
    "disposition",
    [
        "attachement; filename=run.sh",
        "attachment; filename=run.sh",
        'attachement; filename="run.sh"',
        'attachment; filename="C:\\jobs\\run.sh"',
        "filename=run.sh",
    ],
)
async def test_a_script_is_named_by_its_content_disposition(client: Client, disposition: str) -> None:
    if disposition.startswith("filename"):
        disposition = f"inline; {disposition}"
    name = unique("named")
    answer = await client.put(job_url("triggered", name), "echo named", Content_Disposition=disposition)
    assert (answer.status, answer.json["runCommand"]) == (200, "run.sh")
    assert await client.output_of(await client.run_to_end(name)) == ["named"]


async def test_a_trailing_slash_never_matters(client: Client) -> None:
    name = unique("slashed")
    address = job_url("triggered", name)
    headers = {"Content_Disposition": "attachement; filename=run.sh"}
    assert (await client.put(f"{address}/", "echo a", **headers)).status == 200
    started = await client.post(f"{address}/run/")
    assert started.status == 202
    run = await client.ended(name, started.headers["Location"].rpartition("/")[2])
    pairs = [
        "/api/jobs",
        "/api/jobs/triggered",
        "/api/jobs/continuous",
        address,
        f"{address}/history",
        f"{address}/history/{run['id']}",
        f"{address}/settings",
    ]
    for each in pairs:
        assert await client.json(each) == await client.json(f"{each}/"), each
    assert (await client.delete(f"{address}/")).status == 200


@pytest.mark.parametrize("job_type", TYPES)
async def test_a_folder_copied_into_place_is_a_job(
    client: Client, stack: RunningStack, job_type: str
) -> None:
    name = unique("dropped")
    folder = stack.jobs / job_type / name
    folder.mkdir()
    (folder / "run.sh").write_text("echo dropped; sleep 1000" if job_type == "continuous" else "echo dropped")

    async def is_there() -> bool:
        return (await client.get(job_url(job_type, name))).status == 200

    await eventually(is_there, 30, interval=0.05)
    if job_type == "triggered":
        assert await client.output_of(await client.run_to_end(name)) == ["dropped"]
    else:
        await client.until_status(name, "Running")
    await asyncio.to_thread(shutil.rmtree, folder)

    async def is_gone() -> bool:
        return (await client.get(job_url(job_type, name))).status == 404

    await eventually(is_gone, 30, interval=0.05)


async def test_scripts_are_chosen_in_the_seeds_order_and_only_at_the_root(client: Client) -> None:
    name = unique("chosen")
    installed = [extension for extension in ORDER if find_program(NEEDS[extension])]
    expected = [f"run.{extension}" for extension in installed] + [f"a.{extension}" for extension in installed]
    every = [f"{stem}.{extension}" for stem in ("run", "a") for extension in ORDER]
    while expected:
        files = {file: "echo" for file in every if file in expected or file.split(".")[1] not in installed}
        job = await client.put_zip("triggered", name, {**files, "deeper/run.cmd": "echo no"})
        assert job["runCommand"] == expected.pop(0)
    refused = await client.put(
        job_url("triggered", name),
        zip_of({"deeper/run.sh": "echo no", "readme.txt": "no script"}),
        Content_Type="application/zip",
    )
    assert refused.status == 400
    assert (await client.job("triggered", name))["runCommand"] == f"a.{installed[-1]}"


async def test_a_single_folder_in_a_zip_is_descended(client: Client) -> None:
    name = unique("nested")
    job = await client.put_zip(
        "triggered", name, {"inner/deep/run.sh": "pwd; cat data", "inner/deep/data": "d"}
    )
    assert job["runCommand"] == "inner\\deep\\run.sh"
    told = await client.output_of(await client.run_to_end(name))
    assert told[0].endswith("/inner/deep")
    assert told[1] == "d"
