"""`webjobs repair`: its arguments."""

from pathlib import Path

import click

from webjobs_cli.stack_errors import stack_errors


@click.group()
def repair() -> None:
    """Repair what damage has left."""


@repair.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".webjobs"),
    show_default=True,
    help="The data folder; no stack may run on it.",
)
@click.option("--force", is_flag=True, help="Though events are missing in their stream.")
@click.option(
    "--accept-new-stream",
    is_flag=True,
    help="Though runs of an event stream that is gone are deleted by that.",
)
def history(data: Path, force: bool, accept_new_stream: bool) -> None:
    """Rebuild the history from the events, in a new database if the old one is damaged."""
    from webjobs_cli.repair import repair_history

    with stack_errors():
        repair_history(data, force=force, accept_new_stream=accept_new_stream)
