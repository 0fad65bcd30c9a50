"""`webjobs why`: why a job does not run."""

from datetime import datetime
from urllib.parse import quote

import click
import msgspec

from webjobs_cli.completion import jobs
from webjobs_cli.connection import connect
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.shapes.jobs import Cause
from webjobs_cli.table import printable
from webjobs_cli.times import local_text


class _Why(msgspec.Struct):
    causes: list[Cause]


@click.command(cls=Command)
@click.argument("job", shell_complete=jobs)
@server_options
@json_option
def why(job: str) -> None:
    """Say why a job does not run, and what to do about it."""
    output = invocation().output
    output.check_fields(Cause)
    client = connect()
    found = find_job(client, parse_job(job))
    answer = client.request("GET", f"/api/jobs/{found.type}/{quote(found.name, safe='')}/why")
    causes = msgspec.json.decode(answer.body, type=_Why).causes
    if output.is_json:
        output.rows(Cause, causes, [])
        return
    for cause in causes:
        output.lines(lines_of(cause))


def lines_of(cause: Cause) -> list[str]:
    """What is printed of a cause for people: its text may have several lines."""
    first, *rest = [printable(line.strip()) for line in cause.text.splitlines()] or [""]
    lines = [f"{cause.code}: {first}", *(f"    {line}" for line in rest)]
    lines[-1] += _between(cause.since, cause.until)
    return [*lines, f"  {cause.remedy}"] if cause.remedy else lines


def _between(since: datetime | None, until: datetime | None) -> str:
    words = [f"since {local_text(since)}"] if since else []
    words += [f"until {local_text(until)}"] if until else []
    return f" ({', '.join(words)})" if words else ""
