"""`webjobs delete`: remove a job with all that is kept of it."""

import sys

import click

from webjobs_cli.completion import jobs
from webjobs_cli.connection import connect
from webjobs_cli.errors import CommandError
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.shapes.jobs import Done


@click.command(cls=Command)
@click.argument("job", shell_complete=jobs)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@server_options
@json_option
def delete(job: str, yes: bool) -> None:
    """Delete a job with its logs and its history, after a question.

    JOB is its whole name.
    """
    output = invocation().output
    output.check_fields(Done)
    client = connect()
    wanted = parse_job(job)
    found = find_job(client, wanted)
    if found.name != wanted.name:
        raise CommandError(
            "job_not_found",
            f"There is no job {wanted.name!r}.",
            f"To delete {found.name!r}, write its whole name.",
        )
    if not yes:
        if output.is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise CommandError(
                "not_confirmed", f"{found.name!r} was not deleted.", "Confirm it by --yes.", exit_code=2
            )
        question = f"Delete the {found.type} job {found.name!r} with its logs and its history?"
        if not click.confirm(question, err=True):
            raise CommandError("not_confirmed", f"{found.name!r} was not deleted.")
    client.delete(found.name, job_type=found.type)
    output.one(Done(found.name, found.type, "deleted"), [f"{found.name} is deleted."])
