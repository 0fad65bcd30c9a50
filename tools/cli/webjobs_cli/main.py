"""The `webjobs` command: its arguments. What a command needs is imported when that command runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from webjobs_events.errors import WebJobsError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"webjobs {version('webjobs')}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run scripts on request, on a schedule or for ever."""


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Folder of everything: jobs, logs, history.")] = Path(".webjobs"),
    host: Annotated[str, typer.Option(envvar="WEBJOBS_HOST", help="Address of the api.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="WEBJOBS_PORT", min=1, max=65_535, help="Port of the api.")
    ] = 8080,
    runners: Annotated[int, typer.Option(min=1, max=100, help="How many runners.")] = 1,
) -> None:
    """Run the whole stack here, NATS and Postgres included, until Ctrl-C."""
    from webjobs_cli.up import up as run_stack

    run_stack(data, host, port, runners)


repair = typer.Typer(no_args_is_help=True, help="Mend what damage has left.")
app.add_typer(repair, name="repair")


@repair.command()
def history(
    data: Annotated[Path, typer.Option(help="The data folder; no stack may run on it.")] = Path(".webjobs"),
    force: Annotated[
        bool, typer.Option("--force", help="Though events are missing in their stream.")
    ] = False,
    accept_new_stream: Annotated[
        bool,
        typer.Option(
            "--accept-new-stream", help="Though runs of an event stream that is gone are deleted by that."
        ),
    ] = False,
) -> None:
    """Rebuild the history from the events, in a new database if the old one is damaged."""
    from webjobs_cli.repair import repair_history

    repair_history(data, force=force, accept_new_stream=accept_new_stream)


def main() -> None:
    """Run the command line; an expected fault is one line on the standard error and exit code 1."""
    try:
        app()
    except WebJobsError as error:
        print(f"webjobs: {error}", file=sys.stderr)
        sys.exit(1)
