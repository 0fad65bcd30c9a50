"""What the api refuses, and how it says so: the code, and one plain sentence."""

import pytest
from support.archives import zip_of
from support.client import Answer, Client, job_url, unique

NAMED = {"Content_Disposition": "attachement; filename=run.sh"}


def says(answer: Answer, status: int, words: str) -> None:
    """The answer has this status and one sentence with these words in it."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert words in answer.text
    assert answer.text.rstrip().endswith(".")
    assert len(answer.text) < 600
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("job_type", ["triggered", "continuous"])
async def test_an_unknown_job_is_404_everywhere_but_at_its_deletion(client: Client, job_type: str) -> None:
    job = job_url(job_type, unique("unknown"))
    says(await client.get(job), 404, f"no {job_type} job")
    says(await client.get(f"{job}/settings"), 404, f"no {job_type} job")
    says(await client.ask("PUT", f"{job}/settings", json={}), 404, f"no {job_type} job")
    if job_type == "triggered":
        says(await client.post(f"{job}/run"), 404, "no triggered job")
        says(await client.get(f"{job}/history"), 404, "no triggered job")
        says(await client.get(f"{job}/history/202611221042366967"), 404, "no triggered job")
    else:
        says(await client.post(f"{job}/start"), 404, "no continuous job")
        says(await client.post(f"{job}/stop"), 404, "no continuous job")
    assert (await client.delete(job)).status == 200


async def test_an_unknown_run_is_404(client: Client) -> None:
    name = unique("known")
    await client.put_script("triggered", name, "echo")
    history = f"{job_url('triggered', name)}/history"
    says(await client.get(f"{history}/202611221042366967"), 404, "no run")
    says(await client.get(f"{history}/yesterday"), 404, "yesterday")
    log = f"/vfs/data/jobs/triggered/{name}/202611221042366967/output_202611221042366967.log"
    says(await client.get(log), 404, "no run")


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc", ".hidden", "a%5Cb", "a%00b", "a..b", "%20a", "x" * 129, "*"]
)
async def test_a_name_no_job_can_have_is_400(client: Client, name: str) -> None:
    for job_type in ("triggered", "continuous"):
        answer = await client.put(f"{client.base}/api/jobs/{job_type}/{name}", "echo", **NAMED)
        says(answer, 400, "name")


async def test_a_script_without_a_name_is_400(client: Client) -> None:
    answer = await client.put(job_url("triggered", unique("nameless")), "echo")
    says(answer, 400, "Content-Disposition")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "zip"),
        (b"this is no archive", "zip"),
        (zip_of({"run.sh": "echo"})[:-10], "cut short"),
        (zip_of({"readme.txt": "nothing to run"}), "No runnable script"),
        (zip_of({}), "the archive is empty"),
        (zip_of({"../run.sh": "echo"}), "leads out of"),
    ],
)
async def test_an_archive_that_cannot_be_used_is_400_and_makes_no_job(
    client: Client, body: bytes, words: str
) -> None:
    job = job_url("triggered", unique("bad"))
    says(await client.put(job, body, Content_Type="application/zip"), 400, words)
    assert (await client.get(job)).status == 404


async def test_a_file_that_is_no_script_is_400(client: Client) -> None:
    job = job_url("triggered", unique("text"))
    answer = await client.put(job, "hello", Content_Disposition="attachement; filename=readme.txt")
    says(answer, 400, "No runnable script")


@pytest.mark.parametrize("body", ["", "[]", "{", '{"is_singleton": "yes"}', '{"stopping_wait_time": -1}'])
async def test_settings_that_mean_nothing_are_400_and_change_nothing(client: Client, body: str) -> None:
    name = unique("settings")
    await client.put_zip(
        "continuous", name, {"run.sh": "sleep 1000", "settings.job": '{"stopping_wait_time": 1}'}
    )
    address = f"{job_url('continuous', name)}/settings"
    says(await client.put(address, body), 400, "ettings")
    assert await client.json(address) == {"stopping_wait_time": 1}
    await client.delete(job_url("continuous", name))


async def test_arguments_that_cannot_be_split_are_400(client: Client) -> None:
    name = unique("quotes")
    await client.put_script("triggered", name, "echo")
    answer = await client.post(f"{job_url('triggered', name)}/run", params={"arguments": "it's"})
    says(answer, 400, "quote")
    assert await client.runs_of(name) == []


async def test_a_folder_is_only_removed_with_everything_in_it(client: Client) -> None:
    name = unique("folder")
    await client.put_script("triggered", name, "echo")
    address = f"/api/vfs/site/wwwroot/App_Data/jobs/triggered/{name}"
    says(await client.delete(address), 409, "?recursive=true")
    assert (await client.get(job_url("triggered", name))).status == 200


async def test_a_body_over_the_limit_is_413(client: Client) -> None:
    job = job_url("triggered", unique("large"))
    answer = await client.put(job, b"", Content_Length=str(257 * 1024 * 1024), **NAMED)
    says(answer, 413, "WEBJOBS_UPLOAD_LIMIT_MB")
