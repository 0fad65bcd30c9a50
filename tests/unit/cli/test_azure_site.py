"""What is found in copies of Azure sites, and what their jobs need."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from webjobs_cli.azure_import import EveryProgram
from webjobs_cli.azure_needs import advice_of, needs_of, settings_named_by
from webjobs_cli.azure_site import opened_site
from webjobs_cli.errors import CommandError
from webjobs_cli.job_check import CheckedJob, checked_job
from webjobs_cli.job_source import JobSource
from webjobs_rules.script import ChosenScript

RUN = "201803221234567890"
FILES = {
    "site/wwwroot/App_Data/Jobs/Triggered/nightly/run.sh": "echo",
    "site/wwwroot/App_Data/Jobs/Triggered/.DS_Store": "x",
    "site/wwwroot/App_Data/Jobs/continuous/worker/run.py": "pass",
    "site/wwwroot/index.html": "not of a job",
    "site/jobs/triggered/Nightly/run.sh": "stands back",
    "site/jobs/triggered/second/run.sh": "echo",
    f"data/Jobs/triggered/NIGHTLY/{RUN}/status": "{}",
    "data/Jobs/triggered/gone/job_scheduler.log": "x",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def found_in(path: Path) -> tuple[list[str], list[str], bool]:
    """The jobs with the runs they have, what was skipped, and whether there is a folder of data."""
    with opened_site(path) as site:
        jobs = [f"{job.type}/{job.name} {len(job.run_folders)}" for job in site.jobs]
        return jobs, [each.what for each in site.skipped], site.has_data


def test_jobs_and_their_data_are_found_in_any_letter_case(tmp_path: Path) -> None:
    assert found_in(written(tmp_path, FILES)) == (
        ["triggered/nightly 1", "continuous/worker 0", "triggered/second 0"],
        ["data/jobs/triggered/gone"],
        True,
    )


@pytest.mark.parametrize(
    ("below", "has_data"),
    [("site", True), ("site/wwwroot", False), ("site/wwwroot/App_Data/Jobs", False)],
)
def test_a_part_of_a_site_is_enough(tmp_path: Path, below: str, has_data: bool) -> None:
    jobs, _, has = found_in(written(tmp_path, FILES) / below)
    assert (jobs[0].split()[0], has) == ("triggered/nightly", has_data)


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("prefix", ["", "shop/copy/"])
def test_an_archive_is_read_as_its_folder_is(tmp_path: Path, separator: str, prefix: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in FILES.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = f"{prefix}{name}".replace("/", separator)
            archive.writestr(entry, text)
        archive.writestr("../triggered/evil/run.sh", "x")
    jobs, skipped, has_data = found_in(tmp_path / "a.zip")
    assert ("triggered/nightly 1" in jobs, has_data) == (True, True)
    assert "../triggered/evil/run.sh" in skipped
    assert not (tmp_path.parent / "triggered").exists()


def test_names_with_the_paths_of_windows_are_taken_apart(tmp_path: Path) -> None:
    written(tmp_path, {name.replace("/", "\\"): text for name, text in FILES.items()})
    assert found_in(tmp_path)[0][0] == "triggered/nightly 1"


def test_a_folder_without_jobs_is_refused_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no jobs"), opened_site(tmp_path):
        pass


def checked(folder: Path, files: dict[str, str]) -> tuple[CheckedJob, JobSource, ChosenScript]:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    job = checked_job(written(folder, files), "job", None, EveryProgram({}), site_zone=None, now=now)
    assert job.source is not None and job.chosen is not None, job.findings
    return job, job.source, job.chosen


@pytest.mark.parametrize(
    ("files", "needs", "advice"),
    [
        ({"run.sh": "echo"}, [], ""),
        ({"run.py": "pass"}, [], ""),
        ({"run.sh": "exec dotnet Job.dll\n"}, ["dotnet"], ""),
        ({"run.ps1": "echo"}, ["PowerShell"], ""),
        ({"run.js": "1"}, ["Node.js"], ""),
        ({"run.bat": "echo"}, ["Wine"], ""),
        ({"run.cmd": "@call node app.js\r\n"}, ["Wine"], "run.cmd starts node"),
        ({"Job.exe": "MZ", "Job.runtimeconfig.json": "{}"}, ["Wine"], 'exec dotnet Job.dll "$@"'),
    ],
)
def test_a_job_needs_what_its_script_does(
    tmp_path: Path, files: dict[str, str], needs: list[str], advice: str
) -> None:
    job, source, chosen = checked(tmp_path, files)
    assert needs_of(source, job.script, chosen) == needs
    assert advice in " ".join(advice_of(source, job.script, chosen))


def test_settings_are_those_that_the_files_name_and_nothing_else_gives(tmp_path: Path) -> None:
    files = {
        "run.cmd": "echo %QUEUE_NAME% %TEMP% %WEBJOBS_NAME%",
        "a.py": "os.environ['ONE'], os.environ.get(\"TWO\"), os.getenv('THREE')",
        "b.js": "process.env.FOUR; process.env['FIVE']",
        "d.sh": "OWN=1; read -r LINE; echo $OWN ${SEVEN:-x} $LINE $1 $PATH",
        "c.ps1": "$env:SIX; $Env:PATH",
        "App.config": '<add name="x" value="SQLCONNSTR_Shop"/>',
        "node_modules/x/y.js": "process.env.OF_A_PACKAGE",
        "Microsoft.Azure.WebJobs.Host.dll": "MZ",
    }
    _, source, _ = checked(tmp_path, files)
    assert settings_named_by(source) == {
        "QUEUE_NAME",
        "ONE",
        "TWO",
        "THREE",
        "FOUR",
        "FIVE",
        "SIX",
        "SEVEN",
        "SQLCONNSTR_Shop",
        "AzureWebJobsStorage",
    }
