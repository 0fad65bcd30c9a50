"""`webjobs wait`: wait for the end of a run."""

import click

from webjobs_cli.commands.run import await_end
from webjobs_cli.completion import runs
from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import WaitingCommand
from webjobs_cli.lookup import find_run
from webjobs_cli.names import parse_run
from webjobs_cli.shapes.runs import RunShown
from webjobs_cli.times import Duration


@click.command(cls=WaitingCommand)
@click.argument("run", shell_complete=runs)
@click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="Wait no longer, such as 10m; the run goes on."
)
@server_options
@json_option
def wait(run: str, timeout: float | None) -> None:
    """Wait for the end of a run; the exit code is that of the script.

    RUN is JOB/ID, JOB/@last, or the beginning of an id. The exit codes are those of `webjobs run`.
    """
    invocation().output.check_fields(RunShown)
    client = connect()
    job, run_id = find_run(client, parse_run(run))
    await_end(job, run_id, follow=False, timeout=timeout)
