"""Checks the files of a job as a server does when they are deployed."""

import itertools
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.dependencies.declaration import LARGEST_INPUT, Declaration, find_declaration
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages
from webjobs_rules.dependencies.unread import unread_declarations
from webjobs_rules.environment import inherited_environment
from webjobs_rules.errors import (
    BadUpload,
    DependenciesRefused,
    FolderRefused,
    InvalidJobName,
    InvalidJobSettings,
    InvalidScriptHosts,
    MissingInterpreter,
    NoRunnableScript,
    WebJobsError,
)
from webjobs_rules.job import JobType, parse_job_name
from webjobs_rules.job_folder import (
    DISABLE_FILE,
    SETTINGS_FILE,
    choose_in_folder,
    counting_file,
    readable_paths,
)
from webjobs_rules.job_settings import DependencySwitch, JobSettings
from webjobs_rules.left_out import left_out_warnings
from webjobs_rules.schedule import schedule_of
from webjobs_rules.script import SCRIPT_HOSTS, ChosenScript, ScriptHost, doubt, extend_hosts
from webjobs_rules.script_text import LONGEST, cleaned, may_need_cleaning
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES, check_settings, warnings_of
from webjobs_rules.settings_text import decoded_settings, load_settings, spelling_warnings
from webjobs_rules.shebang import names_interpreter

from webjobs_cli.errors import CommandError
from webjobs_cli.job_source import JobSource, read_source
from webjobs_cli.shapes.lint import LintFinding
from webjobs_cli.shapes.schedule import DueTime, SchedulePreview

DUE_TIMES = 5

_MOST_NAMED = 5

_REFUSALS: Mapping[type[WebJobsError], str] = {
    InvalidJobName: "invalid_job_name",
    BadUpload: "bad_upload",
    FolderRefused: "folder_refused",
    NoRunnableScript: "no_runnable_script",
    MissingInterpreter: "missing_interpreter",
    InvalidJobSettings: "invalid_settings",
    DependenciesRefused: "invalid_dependencies",
}
"""Codes of what a server refuses."""


@dataclass(slots=True)
class CheckedJob:
    """What was found out about the files of a job; None of what could not be.

    `script` is its path below the folder; `cleaning` says what is cleaned in its working copy.
    """

    name: str
    job_type: JobType
    source: JobSource | None = None
    script: str = ""
    chosen: ChosenScript | None = None
    cleaning: str = ""
    settings: JobSettings | None = None
    schedule: SchedulePreview | None = None
    dependencies: Declaration | None = None
    findings: list[LintFinding] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        """Whether a server would refuse the job."""
        return any(each.level == "error" for each in self.findings)

    def refuse(self, error: WebJobsError) -> None:
        """Take note of what a server would refuse."""
        self.findings.append(LintFinding(_REFUSALS[type(error)], "error", str(error)))

    def warn(self, code: str, sentences: Iterable[str]) -> None:
        """Take note of what a server would warn of."""
        self.findings += [LintFinding(code, "warning", each) for each in sentences if each]


class Programs:
    """The programs that a runner would find on this machine, with the environment of this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.dependency_policy = DependencyPolicy(
            job_indexes=environment.get("WEBJOBS_JOB_INDEXES", "").lower() in ("1", "true", "yes", "on"),
            install_scripts=_one_of(environment, "WEBJOBS_INSTALL_SCRIPTS", ("none", "listed")) == "listed",
            build_packages=_build_packages(environment.get("WEBJOBS_BUILD_PACKAGES", "")),
        )
        self.with_dependencies = _one_of(environment, "WEBJOBS_DEPENDENCIES", ("on", "off")) == "on"
        own_programs = str(Path(sys.executable).parent) if sys.prefix != sys.base_prefix else None
        self.environment = environment
        self.inherited = inherited_environment(environment, own_programs)
        try:
            self.hosts: Sequence[ScriptHost] = extend_hosts(
                SCRIPT_HOSTS, environment.get("WEBJOBS_SCRIPT_HOSTS", "")
            )
        except InvalidScriptHosts as error:
            raise CommandError("invalid_script_hosts", str(error)) from error

    def find(self, program: str) -> str | None:
        """Where a program is; None when it is not installed."""
        return shutil.which(program, path=self.inherited["PATH"])

    def find_beside(self, folder: str, program: str) -> str | None:
        """The same, but in a folder first, whatever path the script host or script names for it."""
        own = f"{folder}/{program.rpartition('/')[2]}"
        return own if os.access(own, os.X_OK) else self.find(program)


def _one_of(environment: Mapping[str, str], name: str, words: Sequence[str]) -> str:
    """The value of a setting; the first of its words when it is not set."""
    text = environment.get(name) or words[0]
    if text not in words:
        raise CommandError("invalid_use", f"{name}={text!r}: expected {' or '.join(words)}.", exit_code=2)
    return text


def _build_packages(text: str) -> tuple[str, ...]:
    try:
        return read_build_packages(text)
    except ValueError as error:
        raise CommandError(
            "invalid_use", f"WEBJOBS_BUILD_PACKAGES={text!r}: {error}.", exit_code=2
        ) from error


def checked_job(
    path: Path,
    name: str | None,
    job_type: JobType | None,
    programs: Programs,
    *,
    site_zone: str | None,
    now: datetime,
) -> CheckedJob:
    """Check a folder, a zip, or a single script; `source` of what is returned is to be closed.

    Args:
        path: Of the folder, zip or script.
        name: Of the job; by default that of the folder, or of the file without its extension.
        job_type: Of the job; by default as the folder above says, else triggered.
        programs: Of this machine.
        site_zone: WEBSITE_TIME_ZONE.
        now: After which the schedule is due.

    Raises:
        CommandError: There is nothing at the path that could be checked.
    """
    place = Path(os.path.abspath(path))
    guessed = place.name if place.is_dir() else place.stem
    is_continuous = place.parent.name.lower() == JobType.CONTINUOUS.value
    kind = job_type or (JobType.CONTINUOUS if is_continuous else JobType.TRIGGERED)
    job = CheckedJob(guessed if name is None else name, kind)
    try:
        parse_job_name(job.name)
    except InvalidJobName as error:
        job.refuse(error)
    try:
        source = job.source = read_source(path, job.name)
    except (FolderRefused, BadUpload) as error:
        job.refuse(error)
        return job
    _check_script(job, source, programs)
    _check_settings(job, source, site_zone, now)
    _check_dependencies(job, source, programs)
    job.warn("left_out", left_out_warnings(source.content.left_out))
    job.findings += _other_scripts(source, job.script)
    if source.kept_here:
        named = ", ".join(source.kept_here[:_MOST_NAMED])
        more = len(source.kept_here) - _MOST_NAMED
        text = f"`webjobs deploy` leaves out {named}{f' and {more} more' if more > 0 else ''}."
        job.findings.append(LintFinding("not_deployed", "note", text))
    if counting_file(source.content.definition_files, DISABLE_FILE):
        text = f"{DISABLE_FILE} is in the folder: the job does not run until it is removed."
        job.findings.append(LintFinding("disabled", "note", text))
    elif job.settings is not None and not job.settings.enabled:
        text = "enabled is false in settings.job: the job does not run."
        job.findings.append(LintFinding("disabled", "note", text))
    return job


def _check_script(job: CheckedJob, source: JobSource, programs: Programs) -> None:
    content = source.content
    try:
        job.script, chosen = choose_in_folder(
            content.all_paths,
            readable_paths(content.files, content.links),
            content.left_out,
            programs.hosts,
            lambda program: programs.find(program) is not None,
            source.shebang_of,
            source.is_program,
        )
    except (NoRunnableScript, MissingInterpreter) as error:
        job.refuse(error)
        return
    job.chosen = chosen
    job.warn("script_in_doubt", [doubt(chosen)])
    job.cleaning = _cleaning(source, job.script)
    job.warn("script_is_cleaned", [job.cleaning])


def _cleaning(source: JobSource, path: str) -> str:
    if not may_need_cleaning(path):
        return ""
    text = source.read(path, LONGEST + 1)
    return cleaned(path, text)[1] if text is not None and len(text) <= LONGEST else ""


def _check_settings(job: CheckedJob, source: JobSource, site_zone: str | None, now: datetime) -> None:
    path = counting_file(source.content.definition_files, SETTINGS_FILE)
    written = source.read(path, MAX_SETTINGS_BYTES + 1) or b"" if path else b""
    try:
        text = decoded_settings(written)
        settings = load_settings(text)
        job.settings = check_settings(settings, job.job_type)
    except InvalidJobSettings as error:
        job.refuse(error)
        return
    job.warn("settings_spelling", spelling_warnings(text))
    job.warn("schedule_in_doubt", warnings_of(settings))
    schedule = schedule_of(job.settings, site_zone) if job.job_type is JobType.TRIGGERED else None
    if schedule is not None:
        job.schedule = SchedulePreview(
            schedule.expression,
            schedule.time_zone,
            cron_in_words(schedule.cron),
            [
                DueTime(f"{due:%Y-%m-%dT%H:%M:%SZ}", due.astimezone(schedule.zone).isoformat())
                for due in itertools.islice(schedule.due_times(now), DUE_TIMES)
            ],
        )


def _check_dependencies(job: CheckedJob, source: JobSource, programs: Programs) -> None:
    settings = job.settings or JobSettings()
    if not job.script or settings.dependencies is DependencySwitch.OFF or not programs.with_dependencies:
        return

    def read_if_small(path: str) -> bytes | None:
        content = source.read(path, LARGEST_INPUT + 1) or b""
        return content if len(content) <= LARGEST_INPUT else None

    def read(path: str) -> bytes:
        content = read_if_small(path)
        if content is None:
            raise FolderRefused(job.name, path, f"it is larger than {LARGEST_INPUT:,} bytes")
        return content

    try:
        job.dependencies = find_declaration(
            job.script,
            source.content.files,
            read,
            programs.dependency_policy,
            is_in_place=settings.is_in_place is True,
        )
    except (DependenciesRefused, FolderRefused) as error:
        job.refuse(error)
        return
    warnings = job.dependencies.warnings if job.dependencies else ()
    unread = unread_declarations(
        job.script, source.content.files, lambda path: read_if_small(path) or b"", job.dependencies
    )
    job.warn("dependencies_in_doubt", [*warnings, *unread])


def _other_scripts(source: JobSource, script: str) -> Iterator[LintFinding]:
    """What keeps files beside the script from being run by it: a server cleans the script alone."""
    for path in source.content.files:
        head = source.head(path)
        names_one = names_interpreter(head)
        if path == script or not (names_one or path.lower().endswith(".sh")):
            continue
        if b"\r\n" in (source.read(path, LONGEST) or b""):
            text = (
                f"{path} has Windows line ends (CRLF), which its interpreter does not understand; "
                "only the script itself is cleaned. Save it with Unix line ends."
            )
            yield LintFinding("line_ends", "warning", text)
        if names_one and not source.is_executable(path):
            text = (
                f"{path} names its interpreter but is not executable: the script cannot start it as "
                f"./{path}. If it does, run `chmod +x {path}`."
            )
            yield LintFinding("not_executable", "note", text)
