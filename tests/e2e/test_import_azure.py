"""The jobs of an Azure site on a real stack: they run, their past is shown, and a repeat changes nothing."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.client import Client
from support.command_line import CommandLine
from support.eventually import eventually
from support.stack import RunningStack

FAILED, ABORTED, SUCCESS, DAMAGED, NEWEST = (f"20180322{hour}34567890" for hour in (10, 11, 12, 13, 14))
LOG = (
    "[03/22/2018 {hour}:34:57 > 9b01cc: SYS INFO] Status changed to Running\r\n"
    "[03/22/2018 {hour}:34:58 > 9b01cc: INFO] counted {hour} häuser\r\n"
    "{more}"
)
ERRORS = (
    "[03/22/2018 10:34:59 > 9b01cc: ERR ] no such table\r\n"
    "[03/22/2018 10:35:00 > 9b01cc: SYS ERR ] Job failed due to exit code 7\r\n"
)
WORKER = "import time\nwhile True:\n    print('beat', flush=True)\n    time.sleep(0.2)\n"


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def run(data: Path, run_id: str, status: str | bytes, more: str = "", **fields: str) -> None:
    hour = run_id[8:10]
    times = {"StartTime": f"2018-03-22T{hour}:34:57.1234567Z"} | fields
    content = json.dumps({"Status": status, **times}) if isinstance(status, str) else status
    write(data / run_id / "status", content)
    write(data / run_id / "output_log.txt", LOG.format(hour=hour, more=more))


def azure_site(home: Path, prefix: str) -> Path:
    """What an FTP copy of a site on Windows looks like, with names of jobs that begin with `prefix`."""
    jobs, data = home / "site" / "wwwroot" / "App_Data" / "Jobs", home / "data" / "jobs"
    nightly = jobs / "Triggered" / f"{prefix}nightly"
    write(nightly / "run.sh", b"\xef\xbb\xbf#!/bin/bash\r\nset -e\r\necho hello from $WEBJOBS_NAME\r\n")
    write(nightly / "settings.job", b'\xef\xbb\xbf{"schedule": "0 0 3 1 1 *"}\r\n')
    write(nightly / "lib.py", "import os\nos.environ['REPORT_DATABASE']\n")
    runs = data / "triggered" / f"{prefix}nightly"
    run(
        runs, FAILED, "Failed", ERRORS, EndTime="2018-03-22T10:36:57.1234567Z", Trigger="External - curl/7.58"
    )
    run(runs, ABORTED, "Running")
    run(runs, SUCCESS, "Success", EndTime="2018-03-22T12:44:57.1234567Z", Trigger="Schedule - 0 0 3 1 1 *")
    run(runs, DAMAGED, b"\0" * 90)
    run(runs, NEWEST, "Running")
    write(runs / "triggeredJob.lock", "")
    write(runs / "job_scheduler.log", "[03/22/2018 10:34:57 > 9b01cc: SYS INFO] Next schedule …\r\n")
    write(runs / "state" / "seen.txt", "4711")
    legacy = jobs / "Triggered" / f"{prefix}legacy"
    write(legacy / "run.cmd", "@echo off\r\ndotnet Import.dll %AzureWebJobsStorage%\r\n")
    run(data / "triggered" / f"{prefix}legacy", SUCCESS, "Success", EndTime="2018-03-22T12:44:57Z")
    write(jobs / "Triggered" / f"{prefix}nothing" / "notes.txt", "no script here")
    write(jobs / "Triggered" / "readme.txt", "jobs of the shop")
    worker = jobs / "Continuous" / f"{prefix}worker"
    write(worker / "run.py", WORKER)
    write(worker / "disable.job", "")
    write(
        data / "continuous" / f"{prefix}worker" / "job_log.txt", "[03/22/2018 10:34:57 > 9b01cc: INFO] x\r\n"
    )
    write(data / "continuous" / f"{prefix}worker" / "status_9b01cc", '{"Status": "Running"}')
    write(jobs / "Continuous" / f"{prefix}alive" / "run.py", WORKER)
    return home


def zipped_as_windows_does(home: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(home.rglob("*")):
            if path.is_file():
                name = str(Path("shop", path.relative_to(home))).replace("/", "\\")
                entry = zipfile.ZipInfo("x")
                entry.filename, entry.create_system = name, 0
                archive.writestr(entry, path.read_bytes())
    return target


@pytest.fixture(scope="module")
def cli(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(stack.url, tmp_path_factory.mktemp("home"))


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["name"].partition("-")[2]: job for job in report["jobs"]}


async def history_of(client: Client, job: str) -> list[str]:
    return [each["id"] for each in (await client.get(f"/api/triggeredwebjobs/{job}/history")).json["runs"]]


async def test_a_site_is_imported_once_and_whole(
    cli: CommandLine, client: Client, stack: RunningStack, tmp_path: Path
) -> None:
    site = azure_site(tmp_path / "shop", "az-")
    before = cli.json("jobs", "--json")
    dry = cli.json("import", "azure", str(site), "--dry-run", "--json", code=1)
    assert cli.json("jobs", "--json") == before

    report = cli.json("import", "azure", str(site), "--json", code=1)
    jobs, dry_jobs = by_name(report), by_name(dry)
    for each in (jobs, dry_jobs):
        legacy = each.pop("legacy")
        assert legacy["needs"] == ["Wine"]
        assert legacy["missing_settings"] == ["AzureWebJobsStorage"]
        assert any("starts dotnet" in warning for warning in legacy["warnings"])
    assert legacy["outcome"] == "imported"  # of the dry run, which does not ask the runners for Wine
    assert jobs == dry_jobs
    assert (report["skipped"], report["complete"]) == (dry["skipped"], False)
    assert [each["what"] for each in report["skipped"]] == ["triggered/readme.txt"]
    nightly, worker = jobs["nightly"], jobs["worker"]
    assert {name: job["outcome"] for name, job in jobs.items()} == {
        "nightly": "imported",
        "nothing": "refused",
        "worker": "imported",
        "alive": "imported",
    }
    assert (nightly["runs_imported"], nightly["missing_settings"]) == (3, ["REPORT_DATABASE"])
    skipped = {each["what"]: each["reason"] for each in nightly["runs_skipped"]}
    assert skipped.keys() == {DAMAGED, NEWEST}
    assert "zero bytes" in skipped[DAMAGED] and "no later run" in skipped[NEWEST]
    assert (worker["disabled"], nightly["schedule"]) == (True, "0 0 3 1 1 *")

    # The jobs run, as they were set.
    assert "hello from az-nightly" in cli("run", "az-nightly", "--follow").stdout
    assert cli.json("show", "az-nightly", "--json")["status"] == "Success"
    shown = {row["name"]: row for row in cli.json("jobs", "az-", "--json")}
    assert (shown["az-worker"]["disabled"], shown["az-nightly"]["attention"]) == (True, None)

    # The past is in the history.
    answer = await client.get("/api/runs?job=az-nightly&trigger=import")
    runs = {each["id"]: each for each in answer.json["runs"]}
    assert {run_id: each["status"] for run_id, each in runs.items()} == {
        FAILED: "Failed",
        ABORTED: "Aborted",
        SUCCESS: "Success",
    }
    failed = runs[FAILED]
    assert (failed["exit_code"], failed["reason"], failed["trigger"]) == (
        7,
        "exit_code",
        "External - curl/7.58",
    )
    assert (failed["start_time"], failed["duration"]) == ("2018-03-22T10:34:57.123456Z", "00:02:00")
    assert (failed["instance"], failed["imported_from"], failed["first_error_line"]) == ("9b01cc", "azure", 3)
    assert "no such table" in cli("logs", f"az-nightly/{FAILED}").stdout
    assert "häuser" in (await client.get(failed["output_url"])).text
    assert {row["id"] for row in cli.json("runs", "az-nightly", "--json")} > runs.keys()
    page = await client.get(f"/pages/triggered/az-nightly/history/{FAILED}")
    assert (page.status, "no such table" in page.text, "in another system" in page.text) == (200, True, True)
    assert (stack.data / "data/jobs/triggered/az-nightly/state/seen.txt").read_text() == "4711"
    assert (stack.data / "data/jobs/continuous/az-worker/azure_job_log.txt").exists()

    # Once more: nothing.
    ids = await history_of(client, "az-nightly")
    again = by_name(cli.json("import", "azure", str(site), "--json", code=1))["nightly"]
    assert (again["outcome"], again["runs_imported"], again["runs_unchanged"]) == ("unchanged", 0, 3)
    assert (again["data_imported"], again["data_unchanged"]) == ([], 2)
    assert await history_of(client, "az-nightly") == ids
    overview = (await client.get("/api/overview?text=az-nightly")).json
    assert overview["jobs"][0]["results"] == "S"


async def test_an_archive_of_windows_is_imported_too_and_what_differs_stays(
    cli: CommandLine, client: Client, tmp_path: Path
) -> None:
    site = azure_site(tmp_path / "shop", "zip-")
    for name in ("legacy", "nothing"):
        shutil.rmtree(site / "site/wwwroot/App_Data/Jobs/Triggered" / f"zip-{name}")
    archive = zipped_as_windows_does(site, tmp_path / "shop.zip")
    done = cli("import", "azure", str(archive))
    assert done.returncode == 1, done
    lines = done.stdout.splitlines()
    assert next(line for line in lines if line.startswith("zip-nightly")).split() == (
        "zip-nightly triggered imported 3 imported, 2 skipped 2 imported -".split()
    )
    assert any(f"skipped run {DAMAGED}: the status file holds zero bytes" in line for line in lines)
    assert any("data/jobs/triggered/zip-legacy" in line for line in lines)
    assert "hello from zip-nightly" in cli("run", "zip-nightly", "--follow").stdout
    await eventually(lambda: "beat" in cli("logs", "zip-alive").stdout, 30)

    script = site / "site/wwwroot/App_Data/Jobs/Triggered/zip-nightly/run.sh"
    script.write_text("echo other files\n")
    kept = by_name(cli.json("import", "azure", str(site), "--json", code=1))["nightly"]
    assert (kept["outcome"], "run.sh" in kept["reason"]) == ("differs", True)
    replaced = by_name(cli.json("import", "azure", str(site), "--replace", "--json", code=1))["nightly"]
    assert replaced["outcome"] == "imported"
    assert "other files" in cli("run", "zip-nightly", "--follow").stdout


def test_what_is_no_site_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert cli.error("import", "azure", str(tmp_path), "--json")["code"] == "no_jobs"
    assert cli.error("import", "azure", str(tmp_path / "none"), "--json")["code"] == "no_such_path"
    (tmp_path / "x.zip").write_text("no archive")
    assert cli.error("import", "azure", str(tmp_path / "x.zip"), "--json")["code"] == "bad_archive"
