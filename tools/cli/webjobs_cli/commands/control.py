"""`webjobs start`, `stop` and `restart`: continuous jobs."""

import click

from webjobs_cli.completion import continuous_jobs
from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.shapes.jobs import Done


@click.command(cls=Command)
@click.argument("job", shell_complete=continuous_jobs)
@server_options
@json_option
def start(job: str) -> None:
    """Start a continuous job that was stopped."""
    _control(job, "start", "started")


@click.command(cls=Command)
@click.argument("job", shell_complete=continuous_jobs)
@server_options
@json_option
def stop(job: str) -> None:
    """Stop a continuous job on every runner, until it is started."""
    _control(job, "stop", "stopped")


@click.command(cls=Command)
@click.argument("job", shell_complete=continuous_jobs)
@server_options
@json_option
def restart(job: str) -> None:
    """Restart a continuous job on every runner."""
    _control(job, "restart", "restarted")


def _control(job: str, action: str, done: str) -> None:
    output = invocation().output
    output.check_fields(Done)
    client = connect()
    name = find_job(client, parse_job(job), "continuous").name
    {"start": client.start, "stop": client.stop, "restart": client.restart}[action](name)
    output.one(Done(name, "continuous", done), [f"{name} is {done}."])
