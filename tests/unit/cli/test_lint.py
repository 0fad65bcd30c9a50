"""`webjobs lint` says what a runner says about the same folder, in the same words."""

import asyncio
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from webjobs_cli.errors import CommandError
from webjobs_cli.job_check import CheckedJob, Programs, checked_job
from webjobs_cli.main import main
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.errors import BadUpload, WebJobsError
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.left_out import left_out_warnings
from webjobs_rules.settings_check import warnings_of
from webjobs_runner.environments import preparation
from webjobs_runner.environments.preparation import UnpreparedVersion
from webjobs_runner.files.definition_files import read_settings, settings_warnings
from webjobs_runner.files.upload import place_archive, place_script
from webjobs_runner.jobs.new_version import read_version

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
OWN = {"line_ends", "not_executable", "disabled"}  # what no runner says when a job is deployed
INSTALLED = ("bash", "python3", "node")

LARGE = " " * (16 * 1024 * 1024 + 1)

Maker = Callable[[Path], None]


def files(**content: str | bytes) -> Maker:
    """A folder with these files; `__` stands for a dot, `___` for a slash."""

    def make(folder: Path) -> None:
        for name, text in content.items():
            path = folder / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    return make


def exit_code_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """What the command line ends with."""
    monkeypatch.setattr(sys, "argv", ["webjobs", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def settings(text: str | bytes) -> Maker:
    return files(run__sh="echo", settings__job=text)


def link(folder: Path) -> None:
    (folder / "run.sh").write_text("echo")
    (folder / "passwords").symlink_to("/etc/passwd")


def pipe(folder: Path) -> None:
    (folder / "run.sh").write_text("echo")
    os.mkfifo(folder / "pipe")


def script_by_link(folder: Path) -> None:
    (folder / "run.sh").symlink_to("../run.sh")


def foreign_name(folder: Path) -> None:
    (folder / "run.sh").write_text("echo")
    with open(os.fsencode(folder) + b"/caf\xe9.txt", "w"):
        pass


FOLDERS: dict[str, tuple[Maker, list[str]]] = {
    "good": (files(run__sh="echo hello\n"), []),
    "empty": (files(), ["no_runnable_script"]),
    "only text": (files(notes__md="# Notes"), ["no_runnable_script"]),
    "program that is none": (files(run="echo"), ["no_runnable_script"]),
    "script left out": (script_by_link, ["no_runnable_script", "left_out"]),
    "no interpreter": (files(run__ps1="Write-Host"), ["missing_interpreter"]),
    "no interpreter of a first line": (files(run__sh="#!/opt/zsh-9\n"), ["missing_interpreter"]),
    "several candidates": (files(a__py="1", b__py="2"), ["script_in_doubt"]),
    "passed over": (files(run__ps1="", run__sh="echo"), ["script_in_doubt"]),
    "windows line ends": (files(run__sh="echo\r\n"), ["script_is_cleaned"]),
    "byte order mark": (files(run__sh=b"\xef\xbb\xbfecho\n"), ["script_is_cleaned"]),
    "utf-16": (files(run__sh="\ufeffecho\n".encode("utf-16-le")), ["script_is_cleaned"]),
    "windows line ends elsewhere": (files(run__py="1\r\n"), []),
    "inner folder": (files(inner___run__sh="echo\r\n", settings__job="{}"), ["script_is_cleaned"]),
    "inner settings": (files(a___run__sh="echo", a___settings__job='{"schedule": 1}'), ["invalid_settings"]),
    "link outside": (link, ["left_out"]),
    "pipe": (pipe, ["left_out"]),
    "litter": (files(run__sh="echo", __DS_Store="x", __MACOSX___x="y"), ["left_out"]),
    "name not utf-8": (foreign_name, ["folder_refused"]),
    "comments": (settings('{"is_singleton": true, // one\n}'), ["settings_spelling"]),
    "no json": (settings("{schedule}"), ["invalid_settings"]),
    "no object": (settings("[]"), ["invalid_settings"]),
    "no text": (settings(b"\xff\xfe\xfd"), ["invalid_settings"]),
    "settings too long": (settings(json.dumps({"a": "x" * 70_000})), ["invalid_settings"]),
    "near miss": (settings('{"shedule": "0 0 * * * *"}'), ["invalid_settings"]),
    "wrong type": (settings('{"timeout": "long"}'), ["invalid_settings"]),
    "schedule": (settings('{"schedule": "0 61 * * * *"}'), ["invalid_settings"]),
    "schedule in doubt": (settings('{"schedule": "@daily"}'), ["schedule_in_doubt"]),
    "zone": (settings('{"schedule": "@daily", "time_zone": "Berlin"}'), ["invalid_settings"]),
    "not for this type": (settings('{"health_check": {}}'), ["invalid_settings"]),
    "dependencies": (files(run__py="1", requirements__txt="alpha==1\n"), []),
    "an index": (files(run__py="1", requirements__txt="-i https://x\n"), ["invalid_dependencies"]),
    "two declarations": (
        files(run__py="# /// script\n# dependencies = ['a']\n# ///\n", requirements__txt="a\n"),
        ["dependencies_in_doubt"],
    ),
    "dependencies off": (
        files(run__py="1", requirements__txt="-i https://x\n", settings__job='{"dependencies": "off"}'),
        [],
    ),
    "large lock": (
        files(run__js="1", package__json='{"dependencies": {"a": "1"}}', **{"package-lock__json": LARGE}),
        ["folder_refused"],
    ),
    "large script": (files(run__py=LARGE), ["folder_refused"]),
    "script and settings": (files(settings__job="no"), ["no_runnable_script", "invalid_settings"]),
}  # fmt: skip


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """A machine on which few interpreters are installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in INSTALLED:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return Programs({"PATH": str(folder)})


class RunnerPrograms:
    """As much of a runner's as choosing a script needs."""

    def __init__(self, programs: Programs) -> None:
        self.hosts = programs.hosts
        self._programs = programs

    def is_available(self, program: str) -> bool:
        return self._programs.find(program) is not None


def said_by_a_runner(folder: Path, programs: Programs) -> set[str]:
    """What a runner refuses a deployment of the folder for, and what it warns of otherwise."""
    of_runner = cast(Any, RunnerPrograms(programs))
    said: set[str] = set()
    try:
        version = asyncio.run(read_version(folder, of_runner))
        said |= set(version.warnings)
        own = folder / "settings.job"
        is_off = own.exists() and b'"off"' in own.read_bytes()
        if not is_off:
            unprepared = UnpreparedVersion(
                job_type=JobType.TRIGGERED,
                job_name=JobName(folder.name),
                folder=folder,
                manifest=version.manifest,
                script=version.script,
                settings={},
                now=None,
                cause="",
                trace=None,
            )
            _, warnings = preparation._find(unprepared, DependencyPolicy())
            said |= set(warnings)
    except WebJobsError as error:
        said.add(str(error))
    try:
        known = read_settings(folder, JobType.TRIGGERED)
        said |= {*settings_warnings(folder), *warnings_of(known)}
    except WebJobsError as error:
        said.add(str(error))
    return said


def lint(path: Path, programs: Programs, **options: Any) -> CheckedJob:
    return checked_job(
        path,
        options.get("name"),
        options.get("job_type"),
        programs,
        site_zone=options.get("site_zone"),
        now=NOW,
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_each_refusal_and_warning_has_the_words_of_a_runner(
    name: str, tmp_path: Path, programs: Programs
) -> None:
    make, codes = FOLDERS[name]
    folder = tmp_path / "job"
    folder.mkdir()
    make(folder)
    found = [each for each in lint(folder, programs).findings if each.code not in OWN]
    assert [each.code for each in found] == codes
    said = said_by_a_runner(folder, programs)
    # A runner stops at the first refusal of the files; lint goes on, and says what was left out as well.
    assert said <= {each.message for each in found}
    if not any(each.level == "error" for each in found):
        assert said == {each.message for each in found}


def test_what_the_command_line_does_not_deploy_is_not_checked(tmp_path: Path, programs: Programs) -> None:
    files(run__sh="echo", __webjobsignore="*.ps1\n", run__ps1="", __venv___lib__sh="a\r\n")(tmp_path)
    (tmp_path / ".venv" / "python").symlink_to("/usr/bin/python3")
    job = lint(tmp_path, programs, name="a")
    assert [(each.code, each.message) for each in job.findings] == [
        ("not_deployed", "`webjobs deploy` leaves out .venv/, .webjobsignore, run.ps1.")
    ]


def test_the_name_of_a_job_is_checked_as_the_server_does(tmp_path: Path, programs: Programs) -> None:
    folder = tmp_path / "a..b"
    folder.mkdir()
    (folder / "run.sh").write_text("echo")
    (finding,) = lint(folder, programs).findings
    with pytest.raises(WebJobsError) as refused:
        parse_job_name("a..b")
    assert (finding.code, finding.message) == ("invalid_job_name", str(refused.value))
    assert lint(folder, programs, name="fine").findings == []


def test_a_single_script_is_checked_as_an_upload(tmp_path: Path, programs: Programs) -> None:
    script = tmp_path / "nightly.sh"
    script.write_text("")
    (finding,) = lint(script, programs).findings
    with pytest.raises(WebJobsError) as refused:
        place_script(script, script.name, tmp_path / "target")
    assert (finding.code, finding.message) == ("bad_upload", str(refused.value))
    script.write_text("echo")
    job = lint(script, programs)
    assert (job.name, job.script, job.findings) == ("nightly", "nightly.sh", [])


def test_the_type_is_that_of_the_folder_above(tmp_path: Path, programs: Programs) -> None:
    folder = tmp_path / "continuous" / "job"
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text("echo")
    (folder / "settings.job").write_text('{"timeout": 5}')
    (finding,) = lint(folder, programs).findings
    assert "is not for continuous jobs" in finding.message
    assert lint(folder, programs, job_type=JobType.TRIGGERED).findings == []


def test_the_next_due_times_are_shown_over_a_change_of_clocks(tmp_path: Path, programs: Programs) -> None:
    settings('{"schedule": "0 30 2 * * *"}')(tmp_path)
    job = lint(tmp_path, programs, site_zone="Europe/Berlin")
    assert job.schedule is not None
    assert (job.schedule.time_zone, len(job.schedule.next)) == ("Europe/Berlin", 5)
    assert [each.due for each in job.schedule.next[:2]] == ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    assert job.schedule.next[1].local == "2026-03-30T02:30:00+02:00"


def test_files_beside_the_script_are_not_cleaned_and_that_is_said(tmp_path: Path, programs: Programs) -> None:
    files(run__sh="./tool", tool="#!/bin/sh\r\n", lib__sh="true\r\n", disable__job="")(tmp_path)
    codes = [(each.code, each.level) for each in lint(tmp_path, programs, name="a").findings]
    assert codes == [
        ("line_ends", "warning"),
        ("line_ends", "warning"),
        ("not_executable", "note"),
        ("disabled", "note"),
    ]
    assert not lint(tmp_path, programs, name="a").has_failed


def test_what_cannot_be_looked_at_is_a_failure_of_the_command(tmp_path: Path, programs: Programs) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        lint(tmp_path / "nowhere", programs)
    with pytest.raises(CommandError, match="WEBJOBS_SCRIPT_HOSTS is not usable"):
        Programs({"WEBJOBS_SCRIPT_HOSTS": "{"})


@pytest.mark.parametrize(("script", "code"), [("run.sh", 0), ("run.unknown", 1)])
def test_the_command_exits_with_1_when_a_server_would_refuse(
    script: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / script).write_text("echo")
    ended = exit_code_of(monkeypatch, "lint", str(tmp_path), "--name", "a", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (ended, report["ok"]) == (code, code == 0)


def test_people_get_lines(tmp_path: Path) -> None:
    settings('{"schedule": "0 0 * * * *"}')(tmp_path)
    command = [sys.executable, "-c", "from webjobs_cli.main import main; main()"]
    process = subprocess.run(
        [*command, "lint", str(tmp_path), "--name", "a"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = process.stdout.splitlines()
    assert lines[0].startswith("a (triggered): 1 file, 4 B")
    assert lines[-1] == "no errors, no warnings"


def zipped(place: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = place / "report.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)
    return path


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


RUN = ("run.sh", b"echo")
ZIPS: dict[str, Callable[[Path], Path]] = {
    "good": lambda place: zipped(place, RUN, ("settings.job", b'{"schedule": "0 0 3 * * *"}')),
    "a folder in it": lambda place: zipped(place, ("report/run.py", b"pass"), ("report/lib/a", b"1")),
    "litter and links": lambda place: zipped(
        place, RUN, ("__MACOSX/._run.sh", b"1"), (zip_link("out"), b"../../etc"), (zip_link("in"), b"run.sh")
    ),
    "empty": lambda place: zipped(place),
    "only folders": lambda place: zipped(place, ("a/", b"")),
    "no script": lambda place: zipped(place, ("notes.md", b"# Notes")),
    "slip": lambda place: zipped(place, RUN, ("../../evil.sh", b"echo")),
    "absolute": lambda place: zipped(place, ("/etc/evil.sh", b"echo")),
    "twice": lambda place: zipped(place, RUN, ("a", b"1"), ("a/b", b"2")),
    "through a link": lambda place: zipped(place, RUN, (zip_link("lib"), b"/tmp"), ("lib/x", b"1")),
    "bomb": lambda place: zipped(place, RUN, ("zeros", bytes(8_000_000))),
    "bad settings": lambda place: zipped(place, RUN, ("settings.job", b"{")),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("make", ZIPS.values(), ids=ZIPS)
def test_a_zip_is_refused_and_taken_as_a_runner_does(
    make: Callable[[Path], Path], tmp_path: Path, programs: Programs
) -> None:
    archive, target = make(tmp_path), tmp_path / "unpacked"
    refusal = ""
    try:
        left_out = place_archive(archive, target, UploadLimits())
    except BadUpload as error:
        refusal = str(error)
    checked = lint(archive, programs)
    assert checked.name == "report"
    if refusal:
        assert [each.message for each in checked.findings] == [refusal] and checked.source is None
        return
    assert checked.source is not None
    try:
        from_folder = lint(target, programs, name="report")
        wanted = {(each.code, each.message) for each in from_folder.findings if each.code != "left_out"}
        found = {(each.code, each.message) for each in checked.findings if each.code != "left_out"}
        assert found == wanted and checked.script == from_folder.script
        said = [each.message for each in checked.findings if each.code == "left_out"]
        assert said == left_out_warnings(left_out)
    finally:
        checked.source.close()
    assert not checked.source.folder.exists()


@pytest.mark.parametrize("end", [slice(0, -30), slice(0, 0)])
def test_a_zip_that_is_cut_short_is_refused(end: slice, tmp_path: Path, programs: Programs) -> None:
    archive = zipped(tmp_path, RUN)
    archive.write_bytes(archive.read_bytes()[end])
    (finding,) = lint(archive, programs).findings
    assert finding.level == "error" and "it is not a zip archive, or it is cut short" in finding.message


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("WEBJOBS_UPLOAD_LIMIT_MB", "larger than the 1 MiB allowed, which WEBJOBS_UPLOAD_LIMIT_MB raises"),
        ("WEBJOBS_UNPACKED_LIMIT_MB", "unpacks to more than the 1 MiB allowed"),
    ],
)
def test_a_zip_has_the_limits_of_the_server(
    limit: str, says: str, tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(limit, "1")
    (finding,) = lint(zipped(tmp_path, RUN, ("noise", os.urandom(1_200_000))), programs).findings
    assert finding.level == "error" and says in finding.message


def test_it_says_which_file_declares_packages_and_for_which_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBJOBS_PYTHONS", f"{tmp_path}/none,{sys.executable}")
    files(run__py="1", requirements__txt="alpha==1\n")(tmp_path)
    assert exit_code_of(monkeypatch, "lint", str(tmp_path), "--json") == 0
    packages = json.loads(capsys.readouterr().out)["packages"]
    assert packages == {
        "source": "requirements.txt",
        "interpreter": os.path.realpath(sys.executable),
        "version": platform.python_version(),
    }
    assert exit_code_of(monkeypatch, "lint", str(tmp_path)) == 0
    line = f"  packages  requirements.txt, for {packages['interpreter']} ({packages['version']})"
    assert line in capsys.readouterr().out.splitlines()


def test_a_job_for_which_no_python_is_here_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBJOBS_PYTHONS", sys.executable)
    block = "# /// script\n# requires-python = '>=9'\n# dependencies = ['a']\n# ///\n"
    (tmp_path / "run.py").write_text(block)
    assert exit_code_of(monkeypatch, "lint", str(tmp_path / "run.py"), "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["packages"] == {"source": "run.py", "interpreter": None, "version": None}
    (finding,) = report["findings"]
    assert finding["code"] == "invalid_dependencies" and "No Python here fits" in finding["message"]


def test_a_job_without_packages_declares_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.sh").write_text("echo")
    assert exit_code_of(monkeypatch, "lint", str(tmp_path / "run.sh"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["packages"] is None
