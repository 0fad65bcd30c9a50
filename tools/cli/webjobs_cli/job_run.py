"""Runs the script of a job that has passed the check, with what a runner would give it."""

import os
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from webjobs_environments.held_environment import HeldEnvironment
from webjobs_rules.arguments import check_arguments
from webjobs_rules.environment import ScriptFacts, script_environment
from webjobs_rules.exit_facts import exit_code_evidence, exit_code_line
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings
from webjobs_rules.log_format import STATUS_CHANGED
from webjobs_rules.run_id import run_id_at
from webjobs_rules.run_report import PROGRESS_FILE, RESULT_FILE
from webjobs_rules.script import process_arguments
from webjobs_rules.status import Reason, Status
from webjobs_rules.stop_plan import stop_plan
from webjobs_rules.trace import new_trace
from webjobs_rules.wine import PREFIX_VARIABLE, wine_environment

from webjobs_cli.errors import FAILED, TIMED_OUT
from webjobs_cli.job_check import CheckedJob, Programs
from webjobs_cli.job_copy import JobCopy, make_copy
from webjobs_cli.reported import Reported, read_reported
from webjobs_cli.script_process import MarkedLog, ScriptEnd, ScriptRun
from webjobs_cli.shapes.exec import Difference, ExecReport

INSTANCE = "000000"
"""Instead of the instance id of a runner, in marks and in the environment."""

_BY_SIGNAL = 128

_LOGGED = ("script_in_doubt", "script_is_cleaned", "left_out")
"""Codes of findings that a runner writes into the log of each run."""

_STOP_WORDS = "Stopped by a person."


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: what is reported of it, and the exit code of the command."""

    report: ExecReport
    exit_code: int


def run_job(
    job: CheckedJob,
    arguments: Sequence[str],
    app_settings: Mapping[str, str],
    programs: Programs,
    write: Callable[[bytes], None],
    packages: HeldEnvironment | None = None,
) -> Ended:
    """Run the script of a job in a working copy, with its packages, and write its log with marks.

    Raises:
        WebJobsError: It cannot be started with these arguments.
    """
    text = check_arguments(shlex.join(arguments) if arguments else None) or ""
    with TemporaryDirectory(prefix="webjobs-exec-") as root:
        return _run(
            job, arguments, text, app_settings, programs, write, packages, Path(os.path.realpath(root))
        )


def differences(
    job: CheckedJob, app_settings: Mapping[str, str], *, has_packages: bool
) -> Iterator[Difference]:
    """In what the run differs from one by a runner; `has_packages`: whether it gets those of the job."""
    assert job.settings is not None and job.chosen is not None
    settings, host = job.settings, job.chosen.host
    yield Difference(
        "temporary_site",
        "HOME, WEBROOT_PATH and WEBJOBS_DATA_PATH are empty folders, which are removed at the end.",
    )
    given = f"those given are {', '.join(app_settings)}" if app_settings else "give them by --setting"
    yield Difference("app_settings", f"The app settings of a server are not read; {given}.")
    if job.dependencies is not None and not has_packages:
        yield Difference(
            "dependencies",
            f"The packages that {job.dependencies.source} declares are not installed, by --dependencies off: "
            "it finds those of this machine.",
        )
    if settings.runs_in_place(job.script):
        yield Difference(
            "working_copy",
            "It runs in a working copy; a runner runs it in the job's own folder (is_in_place).",
        )
    if host.by_wine and not app_settings.get(PREFIX_VARIABLE):
        yield Difference("wine_prefix", "Wine makes its prefix when the script starts, which takes a while.")
    if job.job_type is JobType.CONTINUOUS:
        yield Difference("no_restart", "It is not started again when it ends, and not asked for its health.")
    else:
        yield Difference("no_idle_timeout", "It is not ended when it is idle (WEBJOBS_IDLE_TIMEOUT).")
        if settings.retry is not None:
            yield Difference("no_retry", "It is not tried again when it fails (retry).")
    if not settings.enabled:
        yield Difference("disabled", "It runs though enabled is false in settings.job.")


def _run(
    job: CheckedJob,
    arguments: Sequence[str],
    text: str,
    app_settings: Mapping[str, str],
    programs: Programs,
    write: Callable[[bytes], None],
    packages: HeldEnvironment | None,
    root: Path,
) -> Ended:
    assert job.source is not None and job.settings is not None
    log = MarkedLog(INSTANCE, write)
    copy = make_copy(root, job.source, job.job_type, job.name, job.script)
    folder = (copy.folder / job.script).parent
    if packages is not None:
        packages.link_into(str(folder))
    command = _command(job, copy, arguments, programs, packages)
    run_id = run_id_at(datetime.now(UTC)) if job.job_type is JobType.TRIGGERED else ""
    run_folder = copy.data / run_id if run_id else None
    if run_folder is not None:
        run_folder.mkdir()
    environment = _environment(job, copy, run_id, run_folder, text, app_settings, programs.inherited)
    if packages is not None:
        environment |= packages.variables(environment["PATH"])
    _log_start(log, job)
    plan = stop_plan(job.settings, job.job_type, watches_shutdown_file=copy.mentions_shutdown_file())
    started = time.monotonic()
    run = ScriptRun(log, plan, copy.shutdown_file, job.settings.timeout)
    end, failure = None, ""
    try:
        end = run.run(command, folder, environment)
    except OSError as error:
        failure = f"{command[0]} was not started: {error.strerror}."
    reported = read_reported(run_folder) if run_folder else Reported(None, None, ())
    status, reason, evidence, exit_code = _outcome(end, failure)
    _log_end(log, end, reported, status, reason, evidence)
    report = ExecReport(
        name=job.name,
        type=job.job_type.value,
        run_id=run_id or None,
        script=job.script,
        command=command,
        status=status.value,
        reason=reason.value,
        evidence=evidence,
        exit_code=end.exit_code if end else None,
        signal=end.signal if end else None,
        duration_seconds=round(time.monotonic() - started, 3),
        differences=list(differences(job, app_settings, has_packages=packages is not None)),
        result=reported.result.value if reported.result else None,
        result_bytes=reported.result.size if reported.result else None,
        progress=reported.progress.share if reported.progress else None,
        progress_text=reported.progress.text if reported.progress else "",
    )
    return Ended(report, exit_code)


def _command(
    job: CheckedJob,
    copy: JobCopy,
    arguments: Sequence[str],
    programs: Programs,
    packages: HeldEnvironment | None,
) -> list[str]:
    """The command line; programs of the job's packages come first."""
    assert job.source is not None and job.chosen is not None
    host = job.chosen.host
    return process_arguments(
        host,
        str(copy.folder / job.script),
        arguments,
        programs.find if packages is None else partial(programs.find_beside, f"{packages.folder}/bin"),
        job.source.shebang_of(job.script) if host.reads_shebang else None,
        not host.interpreters and copy.is_binary(job.script),
    )


def _log_start(log: MarkedLog, job: CheckedJob) -> None:
    """Write what a runner writes before the output of a script."""
    assert job.chosen is not None
    if job.job_type is JobType.TRIGGERED:
        log.system(f"{STATUS_CHANGED}{Status.INITIALIZING}")
    log.system(f"Run script '{job.script}' with script host - '{job.chosen.host.name}'")
    log.system(f"{STATUS_CHANGED}{Status.RUNNING}")
    for finding in job.findings:
        if finding.level == "warning" and finding.code in _LOGGED:
            log.system(finding.message, "SYS WARN")


def _log_end(
    log: MarkedLog, end: ScriptEnd | None, reported: Reported, status: Status, reason: Reason, evidence: str
) -> None:
    """Write what a runner writes after it."""
    for warning in reported.warnings:
        log.system(warning, "SYS WARN")
    if reason is Reason.EXIT_CODE:
        if end is not None and end.exit_code:
            log.system(exit_code_line(end.exit_code, evidence), "SYS ERROR")
    elif evidence:
        log.system(evidence, "SYS ERROR")
    log.system(f"{STATUS_CHANGED}{status}")


def _outcome(end: ScriptEnd | None, failure: str) -> tuple[Status, Reason, str, int]:
    """Status, reason and evidence as a runner has them, and the exit code of the command."""
    if end is None:
        return Status.FAILED, Reason.START_ERROR, failure, FAILED
    if end.asked == 0:
        return Status.FAILED, Reason.MAX_DURATION, f"It ran for too long. {end.how}", TIMED_OUT
    if end.asked is not None:
        return Status.ABORTED, Reason.CANCELLED, f"{_STOP_WORDS} {end.how}", _BY_SIGNAL + end.asked
    left = " Killed what it left running." if end.has_leftovers else ""
    if end.signal is not None:
        evidence = f"The script was ended by signal {end.signal}.{left}"
        return Status.FAILED, Reason.SIGNAL, evidence, _BY_SIGNAL + end.signal
    code = end.exit_code or 0
    return (
        Status.FAILED if code else Status.SUCCESS,
        Reason.EXIT_CODE,
        exit_code_evidence(code, left),
        code,
    )


def _environment(
    job: CheckedJob,
    copy: JobCopy,
    run_id: str,
    run_folder: Path | None,
    arguments: str,
    app_settings: Mapping[str, str],
    inherited: Mapping[str, str],
) -> dict[str, str]:
    settings = job.settings or JobSettings()
    temporary = copy.root / "tmp"
    temporary.mkdir()
    facts = ScriptFacts(
        path=str(copy.folder),
        name=job.name,
        type=job.job_type.value,
        data_path=str(copy.data),
        instance_id=INSTANCE,
        home=str(copy.root),
        webroot_path=str(copy.webroot),
        site_name="webjobs",
        temporary_folder=str(temporary),
        run_id=run_id,
        command_arguments=arguments,
        trace=new_trace() if run_id else None,
        shutdown_file=str(copy.shutdown_file),
        result_file=f"{run_folder}/{RESULT_FILE}" if run_folder else None,
        progress_file=f"{run_folder}/{PROGRESS_FILE}" if run_folder else None,
        port=_free_port() if job.job_type is JobType.CONTINUOUS else None,
        fencing_token=1 if settings.is_singleton and job.job_type is JobType.CONTINUOUS else None,
    )
    environment = script_environment(inherited, app_settings, settings.env, facts)
    if job.chosen is not None and job.chosen.host.by_wine:
        prefix = environment.get(PREFIX_VARIABLE) or str(copy.root / "wine")
        os.makedirs(prefix, exist_ok=True)
        return wine_environment(environment, prefix)
    return environment


def _free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
