"""`webjobs ps`: what runs now."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
from webjobs_client import Client
from webjobs_rules.amounts import took

from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.run_output import COLOURS
from webjobs_cli.shapes.jobs import Running
from webjobs_cli.table import Column

_AWAY = ("Stopped", "InactiveInstance")


@click.command(cls=Command)
@server_options
@json_option
def ps() -> None:
    """List what runs now: runs, waiting ones included, and continuous jobs."""
    output = invocation().output
    output.check_fields(Running)
    client = connect()
    rows = [*_runs(client), *_continuous(client)]
    columns: list[Column[Running]] = [
        Column("JOB", lambda row: f"{row.job}/{row.run}" if row.run else row.job),
        Column("STATUS", lambda row: row.status, lambda row: COLOURS.get(row.status, "")),
        Column("FOR", lambda row: "" if row.seconds is None else took(timedelta(seconds=row.seconds))),
        Column("RUNNER", lambda row: row.instance or ""),
        Column("ARGUMENTS", lambda row: row.arguments or ""),
    ]
    output.rows(Running, rows, columns, "Nothing runs now.")


def _runs(client: Client) -> Iterator[Running]:
    for run in client.runs(status="active"):
        yield Running(
            job=run.job_name,
            type="triggered",
            run=run.id,
            status=run.status,
            since=run.started_at,
            seconds=run.seconds,
            instance=run.instance or None,
            arguments=run.arguments,
            trigger=run.trigger,
        )


def _continuous(client: Client) -> Iterator[Running]:
    now = datetime.now(UTC)
    for row in client.jobs(job_type="continuous"):
        for each in row.instances:
            if each.status not in _AWAY:
                yield Running(
                    job=row.job,
                    type="continuous",
                    run=None,
                    status=each.status,
                    since=each.since,
                    seconds=max(0.0, (now - each.since).total_seconds()),
                    instance=each.instance,
                    arguments=None,
                    trigger=None,
                )
