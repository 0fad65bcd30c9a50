"""A job with a schedule on the whole stack, as a person sees it."""

import json
from typing import Any

from support.archives import zip_of
from support.client import Client, job_url, lines_of, unique
from support.eventually import eventually

SETTINGS = {"schedule": "* * * * * *", "time_zone": "Asia/Tokyo", "env": {"GREETING": "hello"}}


async def test_a_job_runs_on_its_schedule_and_says_what_comes_next(client: Client) -> None:
    name = unique("scheduled")
    files = {"run.sh": 'echo "$GREETING"', "settings.job": json.dumps(SETTINGS)}
    await client.put_zip("triggered", name, files)

    async def runs() -> list[Any]:
        page = await client.json(f"/api/triggeredwebjobs/{name}/history")
        return [run for run in page["runs"] if run["status"] == "Success"]

    run = (await eventually(runs, 40))[-1]
    assert run["trigger"] == "Schedule - * * * * * *"
    assert run["scheduled_for"].replace("-", "").replace(":", "").replace("T", "")[:14] == run["id"][:14]
    lines = lines_of((await client.get(run["output_url"])).text)
    assert "hello" in [line.text for line in lines if line.level == "INFO"]
    schedule = await client.json(f"{job_url('triggered', name)}/schedule?next=2")
    assert [due["local"][-6:] for due in schedule["next"]] == ["+09:00", "+09:00"]
    assert run["id"] in [tick["run_id"] for tick in schedule["last"]] or len(schedule["last"]) == 10
    job = await client.json(f"/api/triggeredwebjobs/{name}")
    log = lines_of((await client.get(job["scheduler_logs_url"])).text)
    assert log[0].text.startswith("Invoking WebJob for ")
    await client.delete(job_url("triggered", name))


async def test_an_upload_whose_settings_have_a_fault_leaves_the_version_before(client: Client) -> None:
    name = unique("kept")
    await client.put_zip("triggered", name, {"run.sh": "echo first", "settings.job": '{"timeout": 60}'})
    broken = {"run.sh": "echo second", "settings.job": '{"time_zone": "Europe/Belrin"}'}
    answer = await client.put(job_url("triggered", name), zip_of(broken), Content_Type="application/zip")
    assert answer.status == 400
    assert answer.text.startswith("time_zone in settings.job is 'Europe/Belrin'")
    assert await client.json(f"{job_url('triggered', name)}/settings") == {"timeout": 60}
    run = await client.run_to_end(name)
    assert "first" in (await client.get(run["output_url"])).text


async def test_settings_with_a_fault_are_refused_in_every_dialect(client: Client) -> None:
    name = unique("settings")
    await client.put_script("triggered", name, "exit 0")
    for prefix in ("/api/jobs/triggered", "/api/triggeredwebjobs", "/api/triggeredjobs", "/jobs/triggered"):
        address = f"{prefix}/{name}/settings"
        answer = await client.put(address, json.dumps({"schedule": "* * * *"}).encode())
        assert answer.status == 400
        assert answer.text.startswith("schedule in settings.job must have six fields")
        kept = {"enabled": False, "mine": [prefix]}
        assert (await client.put(address, json.dumps(kept).encode())).status == 200
        assert await client.json(address) == kept
        assert (await client.post(f"{prefix}/{name}/run")).status == 409
