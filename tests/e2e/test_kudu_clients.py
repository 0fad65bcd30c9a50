"""What a client, script or pipeline written for Kudu does, against the whole stack."""

import re
from typing import Any

import pytest
from support.archives import zip_of
from support.client import PATIENCE, TERMINAL, Answer, Client, lines_of, unique
from support.eventually import eventually

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
TIME_SPAN = re.compile(r"\d\d:\d\d:\d\d(\.\d{7})?")
TRIGGERED, CONTINUOUS = "/api/triggeredwebjobs", "/api/continuouswebjobs"


async def ended(client: Client, url: str) -> Any:
    async def has_ended() -> Any:
        run = await client.json(url)
        assert run["status"] in TERMINAL, run
        return run

    return await eventually(has_ended, PATIENCE, interval=0.05)


def tag_of(answer: Answer) -> str:
    """The ETag, however its name is spelled."""
    return next(value for name, value in answer.headers.items() if name.lower() == "etag")


async def names(client: Client, path: str) -> list[str]:
    return [job["name"] for job in await client.json(path)]


async def test_a_zip_is_deployed_run_and_read_back(client: Client) -> None:
    name = unique("kudu")
    job = f"{TRIGGERED}/{name}"
    files = {"inner/naïve long näme.sh": 'printf "%s|" "$@"; exit 3', "inner/settings.job": '{"mine": [1]}'}
    headers = {"Content_Type": "application/zip", "Content_Disposition": 'attachment; filename="job.zip"'}
    deployed = (await client.put(job, zip_of(files), **headers)).json
    assert deployed["run_command"] == "inner\\naïve long näme.sh"
    assert (deployed["latest_run"], deployed["settings"]) == (None, {"mine": [1]})
    before = tag_of(await client.get(f"{job}/history"))

    started = await client.post(f"{job}/run", params={"arguments": "--name \"Ann B\" 'c d'"})
    assert (started.status, started.body) == (202, b"")
    run = await ended(client, started.headers["Location"])
    assert run["url"] == started.headers["Location"]
    assert run["id"] == run["name"] == run["url"].rpartition("/")[2]
    assert (run["status"], run["exit_code"], run["reason"]) == ("Failed", 3, "exit_code")
    assert run["trigger"].startswith("External - Python/")
    assert run["job_name"] == name
    assert INSTANT.fullmatch(run["start_time"]) and INSTANT.fullmatch(run["end_time"])
    assert TIME_SPAN.fullmatch(run["duration"])
    assert run["output_url"].endswith(f"/{run['id']}/output_log.txt") and run["error_url"] is None
    log = lines_of((await client.get(run["output_url"])).text)
    assert [line.text for line in log if line.level == "INFO"] == ["--name|Ann B|c d|"]

    history = await client.get(f"{job}/history")
    assert history.json == {"runs": [run]} and tag_of(history) != before
    known = {"If-None-Match": tag_of(history)}
    assert (await client.ask("GET", f"{job}/history", headers=known)).status == 304
    assert (await client.delete(job)).status == 200
    assert (await client.get(run["url"])).status == 404


async def test_a_continuous_job_is_stopped_and_started_and_its_tag_tells(client: Client) -> None:
    name = unique("kudu")
    job = f"{CONTINUOUS}/{name}"
    script = "echo hello; sleep 1000"
    disposition = "attachment; filename=run.sh"
    assert (await client.put(job, script, Content_Disposition=disposition)).status == 200
    tags = set()

    async def until(status: str) -> None:
        async def has_it() -> bool:
            answer = await client.get(job)
            assert answer.json["status"] == status
            assert re.fullmatch(rf"[0-9a-f]{{6}} - {status}\r\n", answer.json["detailed_status"])
            tags.add(tag_of(answer))
            return True

        await eventually(has_it, PATIENCE, interval=0.05)

    await until("Running")
    assert (await client.post(f"{job}/stop")).status == 200
    await until("Stopped")
    assert len(tags) == 2
    assert (await client.post(f"{job}/start")).status == 200
    await until("Running")
    assert len(tags) == 2, "what is shown is what was shown before"
    settings = {"is_singleton": True, "mine": {"deep": [1, None]}}
    assert (await client.ask("PUT", f"{job}/settings", json=settings)).status == 200
    assert await client.json(f"{job}/settings") == settings
    await until("Running")
    assert len(tags) == 3

    async def says_hello() -> bool:
        log = (await client.get((await client.json(job))["log_url"])).text
        return "hello" in [line.text for line in lines_of(log)]

    await eventually(says_hello, PATIENCE)
    assert (await client.delete(job)).status == 200


@pytest.mark.parametrize("prefix", ["/api/{}jobs", "/jobs/{}"])
async def test_the_older_addresses_work_for_both_types_of_one_name(client: Client, prefix: str) -> None:
    name = unique("both")
    lists = {job_type: prefix.format(job_type) for job_type in ("triggered", "continuous")}
    for path in lists.values():
        answer = await client.put(f"{path}/{name}", "sleep 1000", Content_Disposition="x; filename=run.sh")
        assert answer.json["url"] == f"{client.base}{path}/{name}"
    for path in lists.values():
        assert name in await names(client, path)
        assert (await client.ask("PUT", f"{path}/{name}/settings", json={"a": 1})).status == 200
    assert (await names(client, "/api/webjobs")).count(name) == 2
    assert (await client.post(f"{lists['continuous']}/{name}/stop")).status == 200
    assert (await names(client, "/jobs")).count(name) == 2
    for path in lists.values():
        assert (await client.delete(f"{path}/{name}")).status == 200
        assert name not in await names(client, path)
