"""`webjobs deps`: the packages that a job needs."""

from collections.abc import Iterator

import click

from webjobs_cli.completion import jobs
from webjobs_cli.connection import connect
from webjobs_cli.dependencies import dependencies_of
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.shapes.deps import DependenciesShown
from webjobs_cli.table import printable
from webjobs_cli.times import local_text

_KINDS = {
    "script": "the block # /// script of the script",
    "requirements": "requirements.txt",
    "uv_lock": "uv.lock",
    "pylock": "pylock.toml",
    "pyproject": "pyproject.toml",
    "package_lock": "package-lock.json",
    "package_json": "package.json",
}


@click.command(cls=Command)
@click.argument("job", shell_complete=jobs)
@click.option("--lock", is_flag=True, help="Print the lock itself.")
@server_options
@json_option
def deps(job: str, lock: bool) -> None:
    """Show the packages that a job needs, its lock, and the jobs that share its environment."""
    output = invocation().output
    output.check_fields(DependenciesShown)
    client = connect()
    found = find_job(client, parse_job(job))
    shown = dependencies_of(client, found.type, found.name, lock=lock)
    output.one(shown, shown.lock.splitlines() if lock and shown.lock else lines_of(shown, found.name))


def lines_of(shown: DependenciesShown, name: str) -> Iterator[str]:
    """What is printed for people."""
    if shown.kind is None:
        yield f"{printable(name)} declares no packages"
        return
    python = f", for Python {shown.requires_python}" if shown.requires_python else ""
    yield f"declared in {_KINDS.get(shown.kind, shown.kind)}; lock {shown.lock_digest[:12]}{python}"
    if shown.prepared is not None:
        how = "found" if shown.prepared.reused else f"built in {shown.prepared.seconds:.1f} s"
        yield (
            f"environment {shown.prepared.key[:12]}, {how} on runner {shown.prepared.runner} "
            f"{local_text(shown.prepared.at)}"
        )
    if len(shown.jobs) > 1:
        yield f"shared by {', '.join(printable(f'{each.type}/{each.name}') for each in shown.jobs)}"
    for each in shown.packages:
        where = f"  where {printable(each.marker)}" if each.marker else ""
        yield f"  {printable(each.name)} {printable(each.version)}{where}"
