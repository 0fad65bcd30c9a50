"""`webjobs runs`: runs, newest first."""

from datetime import datetime

import click

from webjobs_cli.completion import triggered_jobs
from webjobs_cli.connection import connect
from webjobs_cli.count import Count
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.run_output import COLUMNS, shown
from webjobs_cli.shapes.runs import RunShown
from webjobs_cli.times import Since

_STATUSES = ("Initializing", "Running", "Success", "Failed", "Aborted", "active")


@click.command(cls=Command)
@click.argument("job", required=False, shell_complete=triggered_jobs)
@click.option("-n", "limit", type=Count(1, 100_000), default=20, show_default=True, help="At most so many.")
@click.option("--failed", is_flag=True, help="Only those that failed or were aborted.")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(_STATUSES, case_sensitive=False),
    help="Only runs with this status.",
)
@click.option(
    "--trigger",
    multiple=True,
    type=click.Choice(["api", "schedule", "rerun", "import"]),
    help="Only runs started by this.",
)
@click.option(
    "--since", type=Since(), metavar="WHEN", help="Only those since then, such as 2h or 2026-01-02."
)
@server_options
@json_option
def runs(
    job: str | None,
    limit: int,
    failed: bool,
    status: tuple[str, ...],
    trigger: tuple[str, ...],
    since: datetime | None,
) -> None:
    """List runs, newest first: of JOB, or of all jobs."""
    output = invocation().output
    output.check_fields(RunShown)
    client = connect()
    statuses = [*status, *(("Failed", "Aborted") if failed else ())]
    names: list[str] = []
    if job is not None:
        names = [parse_job(job).name]
        if not client.run_page(job=names, limit=1).runs:
            names = [find_job(client, parse_job(job), "triggered").name]
    found = client.runs(names, status=statuses, trigger=trigger, since=since, limit=limit)
    output.rows(RunShown, [shown(run) for run in found], COLUMNS, "There is no such run.")
