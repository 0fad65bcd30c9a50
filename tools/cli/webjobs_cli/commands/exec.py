"""`webjobs exec`: the script of a job, run here as a runner would."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from webjobs_cli.errors import FAILED, CommandError
from webjobs_cli.invocation import invocation, json_option
from webjobs_cli.job_options import job_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes.exec import ExecReport
from webjobs_cli.table import printable

if TYPE_CHECKING:
    from webjobs_environments.held_environment import HeldEnvironment

    from webjobs_cli.job_check import CheckedJob, Programs


@click.command("exec", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@job_options
@click.option(
    "--setting", "given", multiple=True, metavar="NAME=VALUE", help="An app setting; may be repeated."
)
@click.option(
    "--dependencies",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Whether the packages that the job declares are installed.",
)
@click.option("--quiet", is_flag=True, help="Do not say in what the run differs from one by a runner.")
@json_option
def exec_job(
    path: Path,
    arguments: tuple[str, ...],
    name: str | None,
    job_type: str | None,
    given: tuple[str, ...],
    dependencies: str,
    quiet: bool,
) -> int:
    """Run a job's folder, zip or script here as a runner would.

    The script is chosen as on a server, and runs in a working copy with the arguments behind `--` and the
    environment of a job. Packages that the job declares are installed first, into the cache of this user:
    XDG_CACHE_HOME or ~/.cache, and there webjobs. The log is printed with its marks; with --json it goes to
    the standard error. Ctrl-C stops the script as settings.job says, twice kills it.

    Exits with the script's code, with 124 when it ran for longer than its timeout, 128 and the number of the
    signal that ended it, and 125 when it was not started.
    """
    from datetime import UTC, datetime

    from webjobs_rules.job import JobType

    from webjobs_cli.job_check import Programs, checked_job

    output = invocation().output
    output.check_fields(ExecReport)
    settings = dict(_setting(each) for each in given)
    programs = Programs(os.environ)
    kind = JobType(job_type) if job_type else None
    job = checked_job(path, name, kind, programs, site_zone=None, now=datetime.now(UTC))
    try:
        with_packages = dependencies == "on" and job.dependencies is not None
        return _executed(job, path, arguments, settings, programs, with_packages=with_packages, quiet=quiet)
    finally:
        if job.source is not None:
            job.source.close()


def _executed(
    job: "CheckedJob",
    path: Path,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    programs: "Programs",
    *,
    with_packages: bool,
    quiet: bool,
) -> int:
    from webjobs_rules.errors import WebJobsError

    from webjobs_cli.job_run import differences, run_job

    output = invocation().output
    refused = [each.message for each in job.findings if each.level == "error"]
    if refused:
        raise CommandError("job_refused", " ".join(refused), f"See `webjobs lint {path}`.", exit_code=FAILED)
    if not quiet:
        for each in differences(job, settings, has_packages=with_packages):
            output.note(f"note: {each.message}")
    sink = sys.stderr.buffer if output.is_json else sys.stdout.buffer
    packages = None
    try:
        if with_packages:
            packages = _packages(job, programs, quiet=quiet)
        ended = run_job(job, arguments, settings, programs, lambda data: _write(sink, data), packages)
    except WebJobsError as error:
        raise CommandError("not_started", str(error), exit_code=FAILED) from error
    finally:
        if packages is not None:
            packages.release()
    if output.is_json:
        output.one(ended.report, ())
    return ended.exit_code


def _packages(job: "CheckedJob", programs: "Programs", *, quiet: bool) -> "HeldEnvironment":
    from webjobs_cli.job_packages import installed

    output = invocation().output
    assert job.dependencies is not None

    def report(_: object, line: str) -> None:
        if not quiet:
            output.note(printable(line))

    try:
        return installed(job.dependencies, programs.environment, programs.dependency_policy, report)
    except OSError as error:
        message = f"The packages of the job were not installed: {error}."
        raise CommandError("not_started", message, exit_code=FAILED) from error


def _write(sink: BinaryIO, data: bytes) -> None:
    sink.write(data)
    sink.flush()


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise CommandError("invalid_use", f"--setting {text!r} is not NAME=VALUE.", exit_code=2)
    return name, value
