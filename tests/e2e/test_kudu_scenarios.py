"""The scenarios of Kudu's own functional tests, on the whole stack."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.archives import zip_of
from support.client import PATIENCE, Client, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.programs import find_program

SCRIPT_TYPES = (("sh", "bash"), ("py", "python3"), ("js", "node"))  # in the order in which they are chosen
TIMESPAN = re.compile(r"(\d+\.)?\d\d:\d\d:\d\d(\.\d{7})?")


def job_at(job_type: str, name: str) -> str:
    return f"/api/{job_type}webjobs/{quote(name, safe='')}"


def file_at(job_type: str, name: str, file: str) -> str:
    return f"/api/vfs/site/wwwroot/App_Data/jobs/{job_type}/{quote(name)}/{quote(file)}"


async def put_file(client: Client, address: str, content: str) -> None:
    answer = await client.put(address, content.encode(), If_Match="*")
    assert answer.status in (201, 204), answer.text


async def put_job(client: Client, job_type: str, name: str, files: dict[str, str]) -> Any:
    answer = await client.put(
        job_at(job_type, name),
        zip_of(files),
        Content_Type="application/zip",
        Content_Disposition=f"attachment; filename={name}.zip",
    )
    assert answer.status == 200, answer.text
    return answer.json


async def until(client: Client, address: str, wanted: Any, patience: float = PATIENCE) -> Any:
    """What an address answers, once `wanted` holds for it."""

    async def is_so() -> Any:
        answer = await client.json(address)
        assert wanted(answer), answer
        return answer

    return await eventually(is_so, patience, interval=0.05)


async def run_to_end(client: Client, name: str, query: str = "") -> Any:
    answer = await client.post(f"{job_at('triggered', name)}/run{query}")
    assert (answer.status, answer.body) == (202, b"")
    location = answer.headers["Location"]
    assert location.startswith(f"{client.base}{job_at('triggered', name)}/history/")
    return await until(client, location, lambda run: run["status"] in ("Success", "Failed", "Aborted"))


async def test_a_worker_pushed_as_files_runs_and_its_next_version_takes_over(
    client: Client, tmp_path: Path
) -> None:
    name = unique("pushed")
    ran = tmp_path / "ran.txt"
    for version in ("one", "two"):
        script = f"echo {version} >> '{ran}'; exec sleep 1000"
        await put_file(client, file_at("continuous", name, "run.sh"), script)
        await eventually(
            lambda version=version: ran.exists() and version in ran.read_text().split(), PATIENCE
        )
        await until(client, job_at("continuous", name), lambda job: job["status"] == "Running")
    assert ran.read_text().split() == ["one", "two"]

    address = file_at("continuous", name, "run.sh")
    assert (await client.ask("DELETE", address, headers={"If-Match": "*"})).status == 200

    async def is_gone() -> bool:
        assert name not in [job["name"] for job in await client.json("/api/continuouswebjobs")]
        assert (await client.get(job_at("continuous", name))).status == 404
        return True

    await eventually(is_gone, PATIENCE, interval=0.1)
    await eventually(lambda: not processes_with(f"WEBJOBS_NAME={name}"), PATIENCE)


async def test_a_worker_that_goes_down_is_started_again_and_a_new_setting_restarts_it(
    client: Client, tmp_path: Path
) -> None:
    name = unique("down")
    ran = tmp_path / "ran.txt"
    job = await put_job(client, "continuous", name, {"run.sh": f"echo ran >> '{ran}'; sleep 0.2"})
    assert job["type"] == "continuous"
    await eventually(lambda: ran.exists() and ran.read_text().count("ran") >= 2, PATIENCE)

    settings = {"is_singleton": True, "one": 1, "two": {"of mine": [None, "ü"]}}
    assert (await client.ask("PUT", f"{job_at('continuous', name)}/settings", json=settings)).status == 200
    assert await client.json(f"{job_at('continuous', name)}/settings") == settings
    assert (await client.json(job_at("continuous", name)))["settings"] == settings
    times = ran.read_text().count("ran")
    await eventually(lambda: ran.read_text().count("ran") > times, PATIENCE)
    assert (await client.delete(job_at("continuous", name))).status == 200


async def test_a_triggered_job_runs_and_its_run_has_every_field_of_the_reference(client: Client) -> None:
    name = unique("trigger")
    file = "jöb with a lóng näme " + "x" * 60 + ".sh"
    answer = await client.put(
        job_at("triggered", name),
        b'for a in "$@"; do echo "<$a>"; done',
        Content_Disposition=f"attachment; filename*=UTF-8''{quote(file)}",
    )
    assert answer.status == 200, answer.text
    job = answer.json
    assert (job["name"], job["run_command"], job["type"]) == (name, file, "triggered")
    assert {"error", "using_sdk", "settings", "extra_info_url", "scheduler_logs_url"} <= set(job)
    assert job["url"] == f"{client.base}{job_at('triggered', name)}"
    assert job["history_url"] == f"{job['url']}/history"
    assert job["latest_run"] is None

    run = await run_to_end(client, name, "?arguments=" + quote("one 'two three' \"four\""))

    assert (run["name"], run["status"], run["job_name"]) == (run["id"], "Success", name)
    assert run["trigger"].startswith("External - ")
    assert TIMESPAN.fullmatch(run["duration"])
    assert run["url"] == f"{job['history_url']}/{run['id']}"
    assert run["error_url"] is None
    log = await client.get(run["output_url"])
    assert [found in log.text for found in ("<one>", "<two three>", "<four>")] == [True] * 3
    history = await client.json(job["history_url"])
    assert [each["id"] for each in history["runs"]] == [run["id"]]
    shown = await client.json(job["url"])
    assert (shown["latest_run"]["id"], shown["latest_run"]["status"]) == (run["id"], "Success")


async def test_a_scheduled_job_is_run_by_its_schedule(client: Client, tmp_path: Path) -> None:
    name = unique("scheduled")
    ran = tmp_path / "ran.txt"
    files = {"run.sh": f"echo ran >> '{ran}'", "settings.job": '{"schedule": "*/1 * * * * *"}'}
    await put_job(client, "triggered", name, files)
    await eventually(lambda: ran.exists() and ran.read_text().count("ran") >= 2, PATIENCE)
    history = (await client.json(f"{job_at('triggered', name)}/history"))["runs"]
    assert history[0]["trigger"] == "Schedule - */1 * * * * *"
    job = await client.json(job_at("triggered", name))
    assert (await client.get(job["scheduler_logs_url"])).status == 200
    assert (await client.delete(job_at("triggered", name))).status == 200


@pytest.mark.parametrize("job_type", ["triggered", "continuous"])
async def test_unknown_settings_come_back(client: Client, job_type: str) -> None:
    name = unique("settings")
    await put_job(client, job_type, name, {"run.sh": "sleep 0.1"})
    settings = {"one": "1", "two": 2, "three": {"deep": [True, None]}}
    assert (await client.ask("PUT", f"{job_at(job_type, name)}/settings", json=settings)).status == 200
    assert await client.json(f"{job_at(job_type, name)}/settings") == settings
    assert (await client.delete(job_at(job_type, name))).status == 200


async def test_a_job_runs_in_place_when_asked_to(client: Client) -> None:
    name = unique("place")
    await put_job(client, "triggered", name, {"run.sh": "pwd"})
    folder = f"jobs/triggered/{name}"
    for in_place in (False, True, False):
        settings = {"is_in_place": in_place}
        await client.ask("PUT", f"{job_at('triggered', name)}/settings", json=settings)
        run = await run_to_end(client, name)
        log = (await client.get(run["output_url"])).text
        assert (f"site/wwwroot/app_data/{folder}" in log.lower()) is in_place, log


async def test_a_second_upload_replaces_every_file_of_the_first(client: Client) -> None:
    name = unique("twice")
    await put_job(client, "triggered", name, {"run.sh": "echo first", "first.txt": ""})
    job = await put_job(client, "triggered", name, {"inner/run.sh": "ls; ls ..; echo second"})
    assert job["run_command"] == "inner\\run.sh"
    run = await run_to_end(client, name)
    log = (await client.get(run["output_url"])).text
    assert "second" in log
    assert "first.txt" not in log


async def test_the_script_is_chosen_in_the_documented_order(client: Client) -> None:
    name = unique("order")
    installed = [type_ for type_, program in SCRIPT_TYPES if find_program(program)]
    order = [f"{stem}.{type_}" for stem in ("run", "go") for type_ in installed]
    await put_job(client, "triggered", name, dict.fromkeys(order, "echo 1"))
    for removed, chosen in zip([None, *order], order, strict=False):
        if removed is not None:
            address = file_at("triggered", name, removed)
            answer = await client.ask("DELETE", address, headers={"If-Match": "*"})
            assert answer.status == 200, answer.text
        await until(
            client, job_at("triggered", name), lambda job, chosen=chosen: job["run_command"] == chosen
        )
    assert (await client.delete(job_at("triggered", name))).status == 200


async def test_many_runs_asked_for_at_once_are_one_run_and_refusals(client: Client) -> None:
    name = unique("once")
    await put_job(client, "triggered", name, {"run.sh": "exec sleep 1000"})
    answers = await asyncio.gather(*(client.post(f"{job_at('triggered', name)}/run") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert (await client.delete(job_at("triggered", name))).status == 200
