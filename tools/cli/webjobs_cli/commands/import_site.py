"""`webjobs import`: take over the jobs of another system."""

from collections.abc import Iterator
from pathlib import Path

import click

from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Group
from webjobs_cli.shapes.azure_import import ImportedJob, ImportReport, SkippedPart
from webjobs_cli.table import Column, painted, printable, table_lines

_COLOURS = {"refused": "red", "differs": "yellow", "imported": "green"}
_MOST_NAMED = 5


@click.group("import", cls=Group)
def import_group() -> None:
    """Take over the jobs of another system, with their settings and their history."""


@import_group.command()
@click.argument("site", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Change nothing; print what an import would.")
@click.option("--replace", is_flag=True, help="Deploy the files of Azure over a job that has others.")
@server_options
@json_option
def azure(site: Path, dry_run: bool, replace: bool) -> int:
    """Import the WebJobs of an Azure site: jobs, settings, past runs with their logs, data files.

    SITE is a copy of the site's folder with site/ and data/ in it, its folder App_Data/jobs, or a zip archive
    of one of them. What is here already stays as it is, so the command can be repeated, and goes on after an
    interruption. Exits with 1 when something was refused, differs or was skipped.
    """
    from webjobs_cli.azure_import import AzureImport
    from webjobs_cli.azure_site import opened_site
    from webjobs_cli.connection import connect

    output = invocation().output
    output.check_fields(ImportReport)
    with opened_site(site) as found:
        importing = AzureImport(connect(), is_dry=dry_run, replaces=replace)
        jobs = []
        for job in found.jobs:
            jobs.append(importing.job(job))
    report = ImportReport(
        source=str(site),
        dry_run=dry_run,
        complete=not found.skipped and all(map(_is_complete, jobs)),
        jobs=jobs,
        skipped=found.skipped,
    )
    output.one(report, _lines(report, has_data=found.has_data, colours=output.colours))
    return 0 if report.complete else 1


def _is_complete(job: ImportedJob) -> bool:
    return job.outcome in ("imported", "unchanged") and not job.runs_skipped and not job.data_skipped


def _lines(report: ImportReport, *, has_data: bool, colours: bool) -> Iterator[str]:
    columns: list[Column[ImportedJob]] = [
        Column("JOB", lambda row: row.name),
        Column("TYPE", lambda row: row.type),
        Column("JOB IS", lambda row: row.outcome, lambda row: _COLOURS.get(row.outcome, "")),
        Column("RUNS", _runs),
        Column("DATA FILES", _data),
        Column("NEEDS", lambda row: ", ".join(row.needs) or "-"),
    ]
    if report.jobs:
        yield from table_lines(report.jobs, columns, colours=colours, width=None)
    for job in report.jobs:
        notes = list(_notes(job))
        if notes:
            yield ""
            title = f"{job.type}/{printable(job.name)}"
            yield painted(title, "blue") if colours else title
            yield from (f"  {printable(note)}" for note in notes)
    if report.skipped:
        yield ""
        yield "skipped"
        yield from (f"  {printable(each.what)}: {printable(each.reason)}" for each in report.skipped)
    yield ""
    if not has_data:
        yield "There is no data/jobs: the runs of the past are not in this copy."
    yield from _summary(report)


def _runs(job: ImportedJob) -> str:
    counts = {
        "imported": job.runs_imported,
        "unchanged": job.runs_unchanged,
        "skipped": len(job.runs_skipped),
        "too old": job.runs_beyond_history,
    }
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "-"


def _data(job: ImportedJob) -> str:
    counts = {
        "imported": len(job.data_imported),
        "unchanged": job.data_unchanged,
        "skipped": len(job.data_skipped),
    }
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "-"


def _notes(job: ImportedJob) -> Iterator[str]:
    if job.reason:
        yield f"{job.outcome}: {job.reason}"
    if job.disabled:
        yield "disabled, as it was in Azure"
    elif job.outcome == "imported" and job.type == "continuous":
        yield "runs from now on, unless WEBJOBS_STOPPED is set"
    if job.schedule and not job.disabled and job.outcome == "imported":
        yield f"is due from now on, unless WEBJOBS_STOPPED is set: {job.schedule}"
    if job.missing_settings:
        yield f"app settings that its files name and that are not set here: {', '.join(job.missing_settings)}"
    yield from job.warnings
    yield from _shortened("run ", job.runs_skipped)
    if job.runs_beyond_history:
        yield f"{job.runs_beyond_history:,} older runs are more than WEBJOBS_HISTORY_SIZE keeps"
    yield from _shortened("", job.data_skipped)
    renamed = [path for path in job.data_imported if "/azure_" in path]
    if renamed:
        yield f"logs of Azure are kept as files: {', '.join(renamed)}"


def _shortened(prefix: str, skipped: list[SkippedPart]) -> Iterator[str]:
    for each in skipped[:_MOST_NAMED]:
        is_id = each.what.isdigit()
        yield f"skipped {prefix if is_id else ''}{each.what}: {each.reason}"
    if len(skipped) > _MOST_NAMED:
        yield f"skipped {len(skipped) - _MOST_NAMED:,} more; --json lists all"


def _summary(report: ImportReport) -> Iterator[str]:
    jobs = _counted(len(report.jobs), "job")
    done = sum(job.outcome in ("imported", "unchanged") for job in report.jobs)
    runs = _counted(sum(job.runs_imported + job.runs_unchanged for job in report.jobs), "past run")
    if not report.dry_run:
        yield f"Here now: {done} of {jobs} and {runs}."
        return
    if any(job.needs for job in report.jobs):
        yield "Whether the runners have what NEEDS names is checked by an import."
    yield f"Nothing was changed. After an import: {done} of {jobs} and {runs}."


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
