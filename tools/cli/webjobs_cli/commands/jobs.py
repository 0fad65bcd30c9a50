"""`webjobs jobs`: all jobs, those that need attention first."""

from datetime import UTC, datetime
from typing import get_args

import click
from webjobs_client.models import JobRow, JobType

from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.run_output import COLOURS
from webjobs_cli.shapes.jobs import JobShown
from webjobs_cli.table import Column, first_line
from webjobs_cli.times import ago_text


@click.command(cls=Command)
@click.argument("text", required=False)
@click.option(
    "--failed", "chosen", flag_value="failed", help="Only those whose last run failed, or that crash."
)
@click.option("--running", "chosen", flag_value="running", help="Only those that run now.")
@click.option("--disabled", "chosen", flag_value="disabled", help="Only those that are disabled or stopped.")
@click.option("--scheduled", "chosen", flag_value="scheduled", help="Only those with a schedule.")
@click.option("--never-ran", "chosen", flag_value="never_ran", help="Only those that never ran.")
@click.option("--type", "job_type", type=click.Choice(get_args(JobType)), help="Only jobs of this type.")
@server_options
@json_option
def jobs(text: str | None, chosen: str | None, job_type: JobType | None) -> None:
    """List the jobs, those that need attention first.

    With TEXT, only jobs that have it in their name.
    """
    output = invocation().output
    output.check_fields(JobShown)
    now = datetime.now(UTC)
    rows = [_shown(row) for row in connect().jobs(filter=chosen, text=text, job_type=job_type)]
    columns: list[Column[JobShown]] = [
        Column("NAME", lambda row: row.name),
        Column("TYPE", lambda row: row.type),
        Column("STATUS", _status, lambda row: "dim" if row.disabled else COLOURS.get(row.status or "", "")),
        Column("LAST", lambda row: ago_text(row.latest_at, now)),
        Column("NEXT", lambda row: ago_text(row.next_due, now)),
        Column(
            "ATTENTION",
            lambda row: first_line(row.error) if row.error else (row.attention or "").replace("_", " "),
            lambda _: "yellow",
        ),
    ]
    which = " of these" if chosen or text or job_type else ""
    output.rows(JobShown, rows, columns, f"There is no job{which}. `webjobs deploy PATH` makes one.")


def _status(row: JobShown) -> str:
    return f"{row.status or 'never ran'}{' (disabled)' if row.disabled else ''}"


def _shown(row: JobRow) -> JobShown:
    latest = row.latest
    at = row.up_since if latest is None else latest.ended_at or latest.started_at or latest.requested_at
    return JobShown(
        name=row.job,
        type=row.type,
        status=row.status,
        disabled=row.disabled,
        attention=row.attention,
        error=row.error,
        latest_run=latest.run_id if latest else None,
        latest_at=at,
        next_due=row.next_due,
        results=row.results,
        success_rate=row.success_rate,
        median_ms=row.median_ms,
        instances=len(row.instances),
        url=row.url,
    )
