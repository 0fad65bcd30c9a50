"""`webjobs cancel`: end a run."""

import click

from webjobs_cli.completion import runs
from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_run
from webjobs_cli.names import LAST, parse_run
from webjobs_cli.run_output import shown, summary_of
from webjobs_cli.shapes.runs import RunShown


@click.command(cls=Command)
@click.argument("run", shell_complete=runs)
@click.option("--reason", metavar="TEXT", help="Why; the run and its events keep it.")
@click.option("--wait", is_flag=True, help="Return when it has ended.")
@server_options
@json_option
def cancel(run: str, reason: str | None, wait: bool) -> None:
    """Cancel a run: its script is asked to end, and killed after its grace.

    RUN is JOB/ID, or the beginning of an id; JOB alone or JOB/@last is the last run that goes on or waits.
    """
    output = invocation().output
    output.check_fields(RunShown)
    client = connect()
    wanted = parse_run(run)
    active = client.run_page(job=wanted.job.name, status="active", limit=1).runs if wanted.run == LAST else []
    job, run_id = (wanted.job.name, active[0].id) if active else find_run(client, wanted)
    client.cancel(job, run_id, **({"reason": reason} if reason else {}))
    found = client.find_run(job, run_id)
    details = (found.wait() if wait else found).details
    assert details is not None
    result = shown(details)
    output.one(result, [summary_of(result) if wait else f"{result.run} is being cancelled."])
