"""`webjobs lint`: what a server would say about the files of a job, without one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from webjobs_rules.amounts import counted, size

from webjobs_cli.invocation import invocation, json_option
from webjobs_cli.job_options import job_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.shapes.lint import DeclaredPackages, LintFinding, LintReport
from webjobs_cli.table import in_one_line, painted, printable

if TYPE_CHECKING:
    from webjobs_cli.job_check import CheckedJob, Programs

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@job_options
@click.option(
    "--zone",
    metavar="ZONE",
    envvar="WEBSITE_TIME_ZONE",
    show_envvar=True,
    help="Time zone of a schedule without one of its own. Default: UTC.",
)
@json_option
def lint(path: Path, name: str | None, job_type: str | None, zone: str | None) -> int:
    """Check a job's folder, zip or script as a server does, without one.

    It looks for the script and its interpreter, for Windows line ends and executable bits, reads
    settings.job and what declares packages, and lists the next times of the schedule. Interpreters are those
    of this machine, and those that WEBJOBS_SCRIPT_HOSTS and WEBJOBS_PYTHONS name. Exits with 1 when a server
    with the same interpreters would refuse the job.
    """
    from datetime import UTC, datetime

    from webjobs_rules.job import JobType

    from webjobs_cli.job_check import Programs, checked_job

    output = invocation().output
    output.check_fields(LintReport)
    programs = Programs(os.environ)
    kind = JobType(job_type) if job_type else None
    job = checked_job(path, name, kind, programs, site_zone=zone, now=datetime.now(UTC))
    packages = _packages(job, programs)
    if job.source is not None:
        job.source.close()
    sizes = job.source.sizes if job.source else {}
    interpreter = job.chosen.interpreter if job.chosen else ""
    report = LintReport(
        path=str(path),
        name=job.name,
        type=job.job_type.value,
        ok=not job.has_failed,
        script=job.script or None,
        script_host=job.chosen.host.name if job.chosen else None,
        interpreter=programs.find(interpreter) if interpreter else None,
        files=len(sizes),
        size=sum(sizes.values()),
        schedule=job.schedule,
        packages=packages,
        findings=job.findings,
    )
    output.one(report, _lines(report, colours=output.colours))
    return 0 if report.ok else 1


def _packages(job: "CheckedJob", programs: "Programs") -> DeclaredPackages | None:
    """The packages that the job declares; that no interpreter here fits is a finding."""
    if job.dependencies is None:
        return None
    from webjobs_rules.errors import DependenciesRefused

    from webjobs_cli.job_packages import interpreter_for

    source = job.dependencies.source
    try:
        found = interpreter_for(job.dependencies, programs.environment, programs.dependency_policy)
    except DependenciesRefused as error:
        job.refuse(error)
        return DeclaredPackages(source, None, None)
    return DeclaredPackages(source, found.path, found.version)


def _lines(report: LintReport, *, colours: bool) -> Iterator[str]:
    files = f"{counted(report.files, 'file')}, {size(report.size)}"
    yield f"{printable(report.name)} ({report.type}): {files}"
    if report.script is not None:
        program = f" with {report.interpreter}" if report.interpreter else ""
        yield f"  script    {printable(report.script)}, run by {report.script_host}{program}"
    if report.packages is not None:
        declared = report.packages
        program = f", for {declared.interpreter} ({declared.version})" if declared.interpreter else ""
        yield f"  packages  {printable(declared.source)}{program}"
    if report.schedule is not None:
        due = report.schedule
        yield f"  schedule  {due.schedule}: {due.words} ({due.time_zone})"
        for each in due.next:
            yield f"            {each.local}"
    for finding in report.findings:
        level = finding.level.ljust(9)
        yield f"  {painted(level, _COLOURS[finding.level]) if colours else level} {_text(finding)}"
    errors = sum(each.level == "error" for each in report.findings)
    warnings = sum(each.level == "warning" for each in report.findings)
    yield f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}"


def _text(finding: LintFinding) -> str:
    return in_one_line(finding.message)


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
