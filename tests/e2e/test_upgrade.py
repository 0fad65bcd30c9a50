"""A data folder of an earlier release starts under this one, with everything in it.

`data_folders/` holds folders as that release left them, and what it answered then stands below.
"""

import tarfile
from pathlib import Path

import pytest
from support.client import client_of
from support.stack import webjobs_up

FOLDERS = Path(__file__).parent / "data_folders"
SUCCEEDED = ["202611282115254732", "202611282115238908", "202611282115223179"]


@pytest.mark.parametrize("release", [path.name.removesuffix(".tar.xz") for path in FOLDERS.iterdir()])
async def test_a_folder_of_an_earlier_release_has_everything(release: str, tmp_path: Path) -> None:
    with tarfile.open(FOLDERS / f"{release}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    async with webjobs_up(tmp_path / "data") as stack, client_of(stack.url) as client:
        triggered = await client.json("/api/triggeredwebjobs")
        assert [job["name"] for job in triggered] == ["failing", "Größe 1", "hello"]
        assert [job["error"] for job in triggered] == [None] * 3
        hello = triggered[2]
        assert hello["settings"] == {"schedule": "0 30 2 * * *", "stopping_wait_time": 7}
        # Its schedule has been due since: one due time of the last minutes may have been made up for.
        history = (await client.json("/api/triggeredwebjobs/hello/history"))["runs"]
        runs = [run for run in history if run["id"] in SUCCEEDED]
        assert [run["id"] for run in runs] == SUCCEEDED and len(history) <= 4
        assert [run["status"] for run in runs] == ["Success"] * 3
        assert [run["arguments"] for run in runs] == ["number-3", "number-2", "number-1"]
        log = await client.get(runs[0]["output_url"])
        assert "INFO] hello number-3" in log.text and "ERROR] careful" in log.text
        assert (await client.get(f"/pages/triggered/hello/history/{SUCCEEDED[0]}")).status == 200
        (failed,) = (await client.json("/api/triggeredwebjobs/failing/history"))["runs"]
        assert (failed["status"], failed["exit_code"], failed["reason"]) == ("Failed", 3, "exit_code")
        assert await client.json("/api/settings") == {"COLOUR": "blue", "WEBJOBS_RESTART_TIME": "7"}
        (hook,) = await client.json("/api/hooks")
        assert (hook["event"], hook["url"]) == ("PostDeployment", "http://127.0.0.1:9/hook")
        await client.until_status("worker", "Running")
        await client.until_status("halted", "Stopped")
        overview = await client.json("/api/overview")
        found = [(each["job"], each["kind"]) for each in overview["attention"]]
        assert [each for each in found if each != ("hello", "missed")] == [("failing", "failed")]
        run = await client.run_to_end("hello")
        ids = {each["id"] for each in await client.runs_of("hello")}
        assert run["status"] == "Success" and ids >= {run["id"], *SUCCEEDED}
