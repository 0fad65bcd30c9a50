"""`webjobs backup` and `webjobs restore`: their arguments."""

from pathlib import Path

import click

from webjobs_cli.stack_errors import stack_errors

_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".webjobs"),
    show_default=True,
    help="The data folder.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@_data
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def backup(file: Path, data: Path, force: bool) -> None:
    """Write everything of a running stack into FILE.

    FILE holds secrets: app settings, `env` of jobs, hooks. Only its owner may read it.
    """
    with stack_errors():
        from webjobs_cli.backup import back_up

        back_up(file, data, replace=force)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_data
def restore(file: Path, data: Path) -> None:
    """Restore a backup into a data folder that is new.

    Afterwards start the stack with `webjobs up`.
    """
    with stack_errors():
        from webjobs_cli.backup import restore as restore_backup

        restore_backup(file, data)
