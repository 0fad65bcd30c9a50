"""What a script leaves running is ended with it, named, and never keeps the run running."""

import time

from support.client import Client, job_url, lines_of, unique
from support.eventually import eventually
from support.processes import ESCAPE, is_alive


async def test_a_child_that_holds_the_output_open_does_not_keep_the_run_running(client: Client) -> None:
    name = unique("holder")
    await client.put_script("triggered", name, "sleep 1000 & echo $!")
    begun = time.monotonic()
    run = await client.run_to_end(name)
    assert time.monotonic() - begun < 30
    assert run["status"] == "Success"
    (pid,) = await client.output_of(run)
    assert not is_alive(int(pid))


async def test_no_descendant_outlives_its_run_however_it_hides(client: Client) -> None:
    name = unique("escape")
    await client.put_script("triggered", name, ESCAPE, "run.py")
    run = await client.run_to_end(name)
    (pid,) = await client.output_of(run)
    assert not is_alive(int(pid))


async def test_what_a_failed_script_left_running_is_named_in_its_log(client: Client) -> None:
    name = unique("named")
    await client.put_script("triggered", name, "sleep 1000 & exit 3")
    run = await client.run_to_end(name)
    log = lines_of((await client.get(run["output_url"])).text)
    (told,) = [line.text for line in log if line.level == "SYS ERROR"]
    assert "Killed what it left running: sleep (" in told


async def test_no_descendant_outlives_a_stopped_job_however_it_hides(client: Client) -> None:
    name = unique("escape")
    await client.put_script("continuous", name, f"{ESCAPE}\nimport time\ntime.sleep(1000)", "run.py")

    async def hidden() -> int:
        lines = [line.text for line in await client.job_log(name) if line.level == "INFO"]
        return int(lines[0]) if lines else 0

    pid = await eventually(hidden, 30)
    assert is_alive(pid)
    await client.post(f"{job_url('continuous', name)}/stop")
    await client.until_status(name, "Stopped")
    assert not is_alive(pid), "Stopped is said once nothing is left"
    await client.delete(job_url("continuous", name))
