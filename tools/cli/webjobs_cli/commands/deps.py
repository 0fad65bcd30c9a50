"""`webjobs deps`: the packages that a job needs."""

from collections.abc import Iterator

import click
from webjobs_rules.amounts import counted, size

from webjobs_cli.completion import jobs
from webjobs_cli.connection import connect
from webjobs_cli.dependencies import dependencies_of
from webjobs_cli.invocation import invocation, json_option, server_options
from webjobs_cli.lazy_group import Command
from webjobs_cli.lookup import find_job
from webjobs_cli.names import parse_job
from webjobs_cli.shapes.deps import DependenciesShown, Preparation
from webjobs_cli.table import printable
from webjobs_cli.times import local_text

_BLOCK = "the block # /// script of "
_KINDS = {
    "script": f"{_BLOCK}the script",
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


def environment_line(prepared: Preparation) -> str:
    """An environment on a runner, for people."""
    facts = [f"environment {prepared.key[:12]}"]
    if prepared.interpreter:
        facts.append(printable(prepared.interpreter))
    if prepared.packages is not None:
        facts.append(counted(prepared.packages, "package"))
    if prepared.bytes is not None:
        facts.append(size(prepared.bytes))
    how = "found" if prepared.reused else f"built in {prepared.seconds:.1f} s"
    return f"{', '.join(facts)}, {how} on runner {prepared.runner} {local_text(prepared.at)}"


def lines_of(shown: DependenciesShown, name: str) -> Iterator[str]:
    """What is printed for people."""
    if shown.kind is None:
        yield f"{printable(name)} declares no packages"
        return
    python = f", for Python {shown.requires_python}" if shown.requires_python else ""
    declared = _KINDS.get(shown.kind, shown.kind)
    if shown.declared_in:
        declared = _BLOCK if shown.kind == "script" else ""
        declared += printable(" and ".join(shown.declared_in))
    yield f"declared in {declared}; lock {shown.lock_digest[:12]}{python}"
    prepared = shown.environments or ([shown.prepared] if shown.prepared is not None else [])
    for environment in prepared:
        yield environment_line(environment)
    if len(shown.jobs) > 1:
        yield f"shared by {', '.join(printable(f'{each.type}/{each.name}') for each in shown.jobs)}"
    for each in shown.packages:
        where = f"  where {printable(each.marker)}" if each.marker else ""
        yield f"  {printable(each.name)} {printable(each.version)}{where}"
