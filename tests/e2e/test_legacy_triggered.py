"""Triggered jobs in the legacy dialect, as the Kudu wiki describes them."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from support.client import Client, job_url, lines_of, unique
from support.eventually import eventually
from support.stack import RunningStack

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DURATION = re.compile(r"\d\d:\d\d:\d\d")
JOB_FIELDS = ["name", "runCommand", "type", "url", "history_url", "extra_info_url", "latest_run"]
RUN_FIELDS = ["id", "status", "start_time", "end_time", "duration", "output_url", "error_url", "url"]


def is_gone(path: Path) -> bool:
    return not path.exists()


async def listed(client: Client, name: str) -> Any:
    """The job as each of the two lists shows it, which is the same."""
    (in_list,) = [job for job in await client.json("/api/jobs/triggered") if job["name"] == name]
    everything = await client.json("/api/jobs")
    assert in_list in everything
    types = [job["type"] for job in everything]
    assert types == sorted(types, reverse=True), "triggered jobs come first"
    return in_list


async def test_a_job_that_never_ran_is_shown_as_the_seed_shows_it(client: Client) -> None:
    name = unique("fresh")
    deployed = await client.put_script("triggered", name, "echo hello", "run.sh")
    base = f"{client.base}/api/jobs/triggered/{name}"
    assert list(deployed) == JOB_FIELDS
    assert deployed == {
        "name": name,
        "runCommand": "run.sh",
        "type": "triggered",
        "url": base,
        "history_url": f"{base}/history",
        "extra_info_url": f"{client.base}/pages/triggered/{name}",
        "latest_run": None,
    }
    assert await client.job("triggered", name) == deployed
    assert await listed(client, name) == deployed
    assert await client.json(deployed["history_url"]) == {"runs": []}


async def test_a_run_is_shown_as_the_seed_shows_it(client: Client) -> None:
    name = unique("run")
    await client.put_script("triggered", name, "echo to output; echo to error >&2")
    answer = await client.post(f"{job_url('triggered', name)}/run")
    assert answer.status == 202
    run_id = answer.headers["Location"].rpartition("/")[2]
    assert answer.headers["Location"] == f"{client.base}/api/jobs/triggered/{name}/history/{run_id}"

    run = await client.ended(name, run_id)

    assert list(run) == RUN_FIELDS
    assert re.fullmatch(r"\d{18}", run["id"])
    logs = f"{client.base}/vfs/data/jobs/triggered/{name}/{run_id}"
    assert run["output_url"] == f"{logs}/output_{run_id}.log"
    assert run["error_url"] == f"{logs}/error_{run_id}.log"
    assert run["url"] == answer.headers["Location"]
    assert run["status"] == "Success", "standard error alone does not fail a run"
    assert INSTANT.fullmatch(run["start_time"])
    assert INSTANT.fullmatch(run["end_time"])
    assert run["start_time"] <= run["end_time"]
    assert DURATION.fullmatch(run["duration"])
    assert (await client.job("triggered", name))["latest_run"] == run
    assert (await listed(client, name))["latest_run"] == run
    assert await client.runs_of(name) == [run]


async def test_the_logs_of_a_run_are_behind_its_urls_and_in_its_folder(
    client: Client, stack: RunningStack
) -> None:
    name = unique("logs")
    await client.put_script("triggered", name, "echo first; echo second >&2; echo third; echo fourth >&2")
    run = await client.run_to_end(name)
    output = await client.get(run["output_url"])
    error = await client.get(run["error_url"])
    assert output.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert {line.text for line in lines_of(output.text) if line.level == "INFO"} == {"first", "third"}
    assert {line.text for line in lines_of(output.text) if line.level == "ERROR"} == {"second", "fourth"}
    assert [line.text for line in lines_of(error.text)] == ["second", "fourth"]
    assert {line.level for line in lines_of(error.text)} == {"ERROR"}

    folder = stack.data / "data" / "jobs" / "triggered" / name / run["id"]
    assert (folder / f"output_{run['id']}.log").read_bytes() == output.body
    assert (folder / f"error_{run['id']}.log").read_bytes() == error.body


async def test_a_run_without_errors_has_no_error_log(client: Client) -> None:
    name = unique("silent")
    await client.put_script("triggered", name, "echo fine")
    run = await client.run_to_end(name)
    assert run["error_url"] is None
    missing = run["output_url"].replace("/output_", "/error_")
    assert (await client.get(missing)).status == 404


async def test_a_running_job_refuses_a_second_run_and_shows_the_first(client: Client) -> None:
    name = unique("long")
    await client.put_script("triggered", name, 'until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done')
    run_id = await client.run(name)
    await client.begun(name, run_id)
    refused = await client.post(f"{job_url('triggered', name)}/run")
    assert (refused.status, "already running" in refused.text) == (409, True)
    run = (await client.job("triggered", name))["latest_run"]
    assert (run["id"], run["status"], run["end_time"]) == (run_id, "Running", None)
    assert DURATION.fullmatch(run["duration"])
    await client.delete(job_url("triggered", name))


async def test_runs_are_listed_newest_first_and_a_failure_is_a_failure(client: Client) -> None:
    name = unique("many")
    await client.put_script("triggered", name, 'exit "$1"')
    codes = {"0": "Success", "1": "Failed", "137": "Failed"}
    runs = [await client.run_to_end(name, code) for code in codes]
    assert [run["status"] for run in runs] == list(codes.values())
    assert await client.runs_of(name) == list(reversed(runs))
    assert (await client.job("triggered", name))["latest_run"] == runs[-1]


async def test_arguments_are_split_as_a_shell_would_and_run_by_none(client: Client) -> None:
    name = unique("arguments")
    await client.put_script("triggered", name, 'printf "%s\\n" "$#" "$@" "$WEBJOBS_COMMAND_ARGUMENTS"')
    given = """one 'two three' "four \\" five" $(touch x) ; six* ''"""
    run = await client.run_to_end(name, given)
    words = ["one", "two three", 'four " five', "$(touch", "x)", ";", "six*", ""]
    assert await client.output_of(run) == [str(len(words)), *words, given]


async def test_the_environment_tells_a_triggered_job_what_it_is(client: Client, stack: RunningStack) -> None:
    name = unique("environment")
    await client.put_script("triggered", name, "env; pwd")
    run = await client.run_to_end(name)
    told = await client.output_of(run)
    variables = dict(line.split("=", 1) for line in told if "=" in line)
    assert variables["WEBJOBS_NAME"] == name
    assert variables["WEBJOBS_TYPE"] == "triggered"
    assert variables["WEBJOBS_RUN_ID"] == run["id"]
    assert variables["WEBJOBS_DATA_PATH"] == str(stack.data / "data" / "jobs" / "triggered" / name)
    assert told[-1] == variables["WEBJOBS_PATH"]
    assert variables["WEBJOBS_PATH"].startswith(f"{stack.data}-temp/"), "a working copy, not the job's folder"
    assert not {"WEBJOBS_DATABASE_URL", "WEBJOBS_NATS_URL", "WEBJOBS_DATA"} & variables.keys()


async def test_what_a_job_keeps_in_its_data_path_is_there_at_the_next_run(client: Client) -> None:
    name = unique("keeps")
    await client.put_script(
        "triggered", name, 'echo x >> "$WEBJOBS_DATA_PATH/n"; wc -l < "$WEBJOBS_DATA_PATH/n"'
    )
    counted = [await client.output_of(await client.run_to_end(name)) for _ in range(2)]
    assert [lines[0].strip() for lines in counted] == ["1", "2"]


async def test_deleted_both_ways_present_absent_and_again(client: Client, stack: RunningStack) -> None:
    ways = {
        "api": "/api/jobs/triggered/{}",
        "vfs": "/api/vfs/site/wwwroot/App_Data/jobs/triggered/{}?recursive=true",
        "slash": "/api/vfs/site/wwwroot/app_data/jobs/triggered/{}/?recursive=true",
    }
    for way, address in ways.items():
        name = unique(way)
        await client.put_script("triggered", name, "echo hello")
        run = await client.run_to_end(name)
        assert (await client.delete(address.format(name))).status == 200
        for gone in (job_url("triggered", name), run["url"], run["output_url"], f"{run['url']}/.."):
            assert (await client.get(gone)).status == 404, gone
        assert name not in {job["name"] for job in await client.json("/api/jobs")}
        assert (await client.delete(address.format(name))).status == 200
        assert (await client.delete(address.format(unique("never")))).status == 200
        assert not (stack.jobs / "triggered" / name).exists()
        await eventually(partial(is_gone, stack.data / "data" / "jobs" / "triggered" / name), 30)


async def test_a_job_put_again_under_a_deleted_name_has_no_past(client: Client) -> None:
    name = unique("phoenix")
    await client.put_script("triggered", name, "echo old")
    old = await client.run_to_end(name)
    await client.delete(job_url("triggered", name))
    job = await client.put_script("triggered", name, "echo new")
    assert job["latest_run"] is None
    assert await client.runs_of(name) == []
    assert (await client.get(old["url"])).status == 404
    run = await client.run_to_end(name)
    assert await client.output_of(run) == ["new"]
    assert await client.runs_of(name) == [run]


async def test_the_extra_info_page_is_a_page_for_people(client: Client) -> None:
    name = unique("page")
    job = await client.put_script("triggered", name, "echo hello")
    run = await client.run_to_end(name)
    page = await client.get(job["extra_info_url"])
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert name in page.text
    assert run["id"] in page.text
