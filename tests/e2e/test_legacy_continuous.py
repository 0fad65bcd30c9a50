"""Continuous jobs in the legacy dialect, as the Kudu wiki describes them."""

from support.bus import job_events
from support.client import Client, job_url, lines_of, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack

FIELDS = ["name", "status", "runCommand", "log_url", "extra_info_url", "url", "type"]
FOREVER = "while :; do sleep 0.1; done"


async def test_a_continuous_job_is_shown_as_the_seed_shows_it(client: Client) -> None:
    name = unique("forever")
    deployed = await client.put_script("continuous", name, FOREVER)
    assert list(deployed) == FIELDS
    job = await client.until_status(name, "Running")
    assert job == {
        "name": name,
        "status": "Running",
        "runCommand": "run.sh",
        "log_url": f"{client.base}/vfs/data/jobs/continuous/{name}/job.log",
        "extra_info_url": f"{client.base}/pages/continuous/{name}",
        "url": f"{client.base}/api/jobs/continuous/{name}",
        "type": "continuous",
    }
    assert job in await client.json("/api/jobs/continuous")
    assert job in await client.json("/api/jobs")
    page = await client.get(job["extra_info_url"])
    assert (page.status, name in page.text) == (200, True)
    assert (await client.delete(job_url("continuous", name))).status == 200


async def test_a_job_that_goes_down_is_brought_back_up(client: Client, stack: RunningStack) -> None:
    name = unique("mortal")
    async with job_events(stack.nats_url, "continuous", name) as seen:
        await client.put_script("continuous", name, "exit 3")
        await seen.until(lambda s: s.names.count("Running") >= 3)
        (first, *_) = seen.of("PendingRestart")
        assert (first.exit_code, first.reason.value, first.restart_delay_seconds) == (3, "exit_code", 1.0)  # type: ignore[attr-defined]
        await client.until_status(name, "PendingRestart")
        assert seen.names[:6] == [
            "Deployed",
            "Initializing",
            "Starting",
            "Running",
            "PendingRestart",
            "Starting",
        ]
        await client.delete(job_url("continuous", name))


async def test_stop_and_start(client: Client, stack: RunningStack) -> None:
    name = unique("toggled")
    mark = unique("mark")
    await client.put_script("continuous", name, f"export {mark.replace('-', '_')}=1; {FOREVER}")
    await client.until_status(name, "Running")
    disabled = stack.jobs / "continuous" / name / "disable.job"
    for _ in range(2):
        assert (await client.post(f"{job_url('continuous', name)}/stop")).status == 200
        await client.until_status(name, "Stopped")
        assert disabled.exists()
        assert not processes_with(f"WEBJOBS_NAME={name}\0")
        assert (await client.post(f"{job_url('continuous', name)}/start")).status == 200
        await client.until_status(name, "Running")
        assert not disabled.exists()
        assert processes_with(f"WEBJOBS_NAME={name}\0")
    await client.delete(job_url("continuous", name))
    await eventually(lambda: not processes_with(f"WEBJOBS_NAME={name}\0"), 30)


async def test_a_stopped_script_is_told_by_a_file_and_a_signal(client: Client) -> None:
    name = unique("polite")
    script = """
        trap 'echo "told by signal"; test -s "$WEBJOBS_SHUTDOWN_FILE" && echo "told by file"; exit 0' TERM
        echo ready; while :; do sleep 0.05; done
        """
    await client.put_script("continuous", name, script)

    async def said(text: str) -> bool:
        return text in [line.text for line in await client.job_log(name)]

    await eventually(lambda: said("ready"), 30)
    await client.post(f"{job_url('continuous', name)}/stop")
    await eventually(lambda: said("told by file"), 30)
    assert await said("told by signal")
    await client.delete(job_url("continuous", name))


async def test_settings_are_kept_as_given_and_settings_job_says_the_same(
    client: Client, stack: RunningStack
) -> None:
    for job_type in ("triggered", "continuous"):
        name = unique("settings")
        await client.put_script(job_type, name, FOREVER)
        address = f"{job_url(job_type, name)}/settings"
        assert await client.json(address) == {}
        wanted = {"is_singleton": True, "of my own": {"deep": [1, None, "ü"]}}
        assert (await client.ask("PUT", address, json=wanted)).status == 200
        assert await client.json(address) == wanted
        assert (await client.ask("PUT", address, json={"is_singleton": False})).status == 200
        assert await client.json(address) == {"is_singleton": False}
        assert (stack.jobs / job_type / name / "settings.job").exists()
        await client.delete(job_url(job_type, name))


async def test_settings_job_in_the_folder_needs_no_api(client: Client) -> None:
    name = unique("with-settings")
    files = {"run.sh": FOREVER, "settings.job": '{ "is_singleton": true }'}
    await client.put_zip("continuous", name, files)
    assert await client.json(f"{job_url('continuous', name)}/settings") == {"is_singleton": True}
    await client.until_status(name, "Running")
    await client.delete(job_url("continuous", name))


async def test_the_environment_tells_a_continuous_job_what_it_is(client: Client, stack: RunningStack) -> None:
    name = unique("environment")
    await client.put_script("continuous", name, f"env; echo END; {FOREVER}")

    async def told() -> dict[str, str]:
        lines = [line.text for line in await client.job_log(name)]
        assert "END" in lines
        return dict(line.split("=", 1) for line in lines if "=" in line)

    variables = await eventually(told, 30)
    assert variables["WEBJOBS_NAME"] == name
    assert variables["WEBJOBS_TYPE"] == "continuous"
    assert variables["WEBJOBS_DATA_PATH"] == str(stack.data / "data" / "jobs" / "continuous" / name)
    assert variables["WEBJOBS_PATH"].startswith(f"{stack.data}-temp/")
    assert variables["WEBJOBS_RUN_ID"] == ""
    await client.delete(job_url("continuous", name))


async def test_the_job_log_has_the_first_100_lines_of_each_start_and_the_application_log_all(
    client: Client, stack: RunningStack
) -> None:
    name = unique("talks")
    script = "for i in $(seq 150); do echo line $i; done; echo END >&2"
    async with job_events(stack.nats_url, "continuous", name) as seen:
        job = await client.put_script("continuous", name, script)
        await seen.until(lambda s: s.names.count("PendingRestart") >= 2)
        await client.post(f"{job_url('continuous', name)}/stop")
        await client.until_status(name, "Stopped")
    log = lines_of((await client.get(job["log_url"])).text)
    said = [line.text for line in log if line.level in ("INFO", "ERROR")]
    assert said[:200] == [f"line {number}" for number in range(1, 101)] * 2
    everything = lines_of((await client.get(f"/vfs/LogFiles/Application/continuous/{name}.log")).text)
    wrote = [(line.level, line.text) for line in everything if line.level in ("INFO", "ERROR")]
    assert wrote.count(("ERROR", "END")) >= 2
    assert wrote.count(("INFO", "line 150")) >= 2
    folder = stack.data / "data" / "jobs" / "continuous" / name
    assert "line 100" in (folder / "job.log").read_text()
    await client.delete(job_url("continuous", name))


async def test_deleted_it_is_gone_with_its_process_and_its_log(client: Client, stack: RunningStack) -> None:
    name = unique("gone")
    job = await client.put_script("continuous", name, FOREVER)
    await client.until_status(name, "Running")
    address = f"/api/vfs/site/wwwroot/App_Data/jobs/continuous/{name}?recursive=true"
    for _ in range(2):
        assert (await client.delete(address)).status == 200
        assert (await client.get(job["url"])).status == 404
        assert (await client.get(job["log_url"])).status == 404
    await eventually(lambda: not processes_with(f"WEBJOBS_NAME={name}\0"), 30)
    assert not (stack.jobs / "continuous" / name).exists()


async def test_the_same_name_in_both_types_is_two_jobs(client: Client) -> None:
    name = unique("twins")
    await client.put_script("triggered", name, "echo triggered")
    await client.put_script("continuous", name, FOREVER)
    await client.until_status(name, "Running")
    assert (await client.run_to_end(name))["status"] == "Success"
    await client.delete(job_url("triggered", name))
    assert (await client.job("continuous", name))["status"] == "Running"
    await client.delete(job_url("continuous", name))
