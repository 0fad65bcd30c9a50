"""`webjobs schema`: what commands print with --json, as JSON Schema."""

import click

from webjobs_cli.errors import CommandError
from webjobs_cli.lazy_group import Command


@click.command(cls=Command)
@click.argument("command", nargs=-1)
def schema(command: tuple[str, ...]) -> None:
    """Print the JSON Schema of what a command prints with --json.

    Without COMMAND, the names of the commands that have one. The schema is of the array, of the object, or
    of each line of a stream.
    """
    import json

    from webjobs_cli.shapes.printed import PRINTED

    name = " ".join(command)
    if not name:
        click.echo("\n".join(sorted(PRINTED)))
        return
    printed = PRINTED.get(name)
    if printed is None:
        raise CommandError(
            "no_such_schema",
            f"No command {name!r} prints JSON.",
            "`webjobs schema` lists those that do.",
        )
    import msgspec

    shape = list[printed.type] if printed.form == "array" else printed.type  # type: ignore[name-defined]
    click.echo(json.dumps(msgspec.json.schema(shape), indent=2))
