"""`webjobs schedule`: when jobs are due, and what an expression means."""

import itertools
from datetime import UTC, datetime

import click

from webjobs_cli.completion import triggered_jobs
from webjobs_cli.count import Count
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Group
from webjobs_cli.shapes.schedule import DueShown, DueTime, SchedulePreview
from webjobs_cli.table import Column, printable
from webjobs_cli.times import ago_text

_SHOWN_DUE_TIMES = 5


@click.group(cls=Group)
def schedule() -> None:
    """Show when jobs are due, and what an expression means."""


@schedule.command("next")
@click.argument("job", required=False, shell_complete=triggered_jobs)
@click.option("-n", "count", type=Count(1, 100), default=10, show_default=True, help="How many.")
@server_options
@json_option
def show_next(job: str | None, count: int) -> None:
    """List the next due times of a job, or the next one of every job."""
    from webjobs_cli.connection import connect
    from webjobs_cli.lookup import find_job
    from webjobs_cli.names import parse_job

    output = invocation().output
    output.check_fields(DueShown)
    client = connect()
    if job is None:
        due = [(row.next_due, row.job) for row in client.jobs(filter="scheduled") if row.next_due is not None]
        rows = [
            DueShown(name, at, at.astimezone().isoformat(), None, None) for at, name in sorted(due)[:count]
        ]
        none = "No job is due."
    else:
        name = find_job(client, parse_job(job), "triggered").name
        found = client.schedule(name, next=count)
        rows = [
            DueShown(name, each.due, each.local.isoformat(), found.time_zone, found.held_back)
            for each in found.next
        ]
        none = f"{name} has no schedule." if found.schedule is None else f"{name} is never due."
        if found.words:
            output.note(f"{name} is due {found.words}, {found.time_zone}.")
        if found.held_back:
            output.note(f"It is not started: {found.held_back}")
    now = datetime.now(UTC)
    columns: list[Column[DueShown]] = [
        Column("JOB", lambda row: row.job),
        Column("DUE", lambda row: f"{row.due:%Y-%m-%dT%H:%M:%SZ}"),
        Column("LOCAL", lambda row: row.local),
        Column("IN", lambda row: ago_text(row.due, now).removeprefix("in ")),
    ]
    output.rows(DueShown, rows, columns, none)


@schedule.command()
@click.argument("expression", nargs=-1, required=True)
@click.option(
    "--zone", metavar="ZONE", default="UTC", show_default=True, help="Time zone, such as Europe/Berlin."
)
@json_option
def explain(expression: tuple[str, ...], zone: str) -> None:
    """Say in words when a schedule is due, and list its next due times; no server is needed.

    EXPRESSION has six fields: second, minute, hour, day, month, weekday.
    """
    from webjobs_rules.cron_words import cron_in_words
    from webjobs_rules.errors import InvalidSchedule, UnknownTimeZone
    from webjobs_rules.schedule import parse_schedule

    output = invocation().output
    output.check_fields(SchedulePreview)
    try:
        found = parse_schedule(" ".join(expression), zone)
    except (InvalidSchedule, UnknownTimeZone) as error:
        raise CommandError("invalid_schedule", str(error)) from None
    preview = SchedulePreview(
        found.expression,
        found.time_zone,
        cron_in_words(found.cron),
        [
            DueTime(f"{due:%Y-%m-%dT%H:%M:%SZ}", due.astimezone(found.zone).isoformat())
            for due in itertools.islice(found.due_times(datetime.now(UTC)), _SHOWN_DUE_TIMES)
        ],
    )
    due_lines = [f"  {each.local}  ({each.due})" for each in preview.next] or [
        "  never in the next fifty years"
    ]
    output.one(
        preview, [f"{printable(preview.schedule)} is due {preview.words}, {preview.time_zone}:", *due_lines]
    )
