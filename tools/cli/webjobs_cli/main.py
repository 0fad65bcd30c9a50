"""The `webjobs` command: its arguments. What a command needs is imported when that command runs."""

import os
import sys
from pathlib import Path

import click
from webjobs_events.errors import WebJobsError

from webjobs_cli.json_lines import is_json, json_line

_VARIABLES_OF_UP = """\b
Environment variables:
  WEBJOBS_NATS_URL, WEBJOBS_DATABASE_URL
      Servers to use instead of the embedded ones.
  WEBJOBS_NATS_PORT
      Port of the embedded NATS.
  WEBJOBS_HEALTH_HOST, WEBJOBS_HEALTH_PORT
      Where the first runner serves /healthz and /metrics; history has the
      next port, and each further runner the one after that.
  WEBJOBS_LOG_FORMAT
      console, or json: each line of output is a JSON object.
  WEBJOBS_USERNAME, WEBJOBS_PASSWORD
      Login of the api; needed for a --host other than loopback.
  WEBJOBS_VIEWER_USERNAME, WEBJOBS_VIEWER_PASSWORD
      Login of a user who sees all but secrets and changes nothing.

All other variables are passed on to the services, which list theirs:
python -m webjobs_api --help, and likewise webjobs_runner, webjobs_history.
"""

_DATA = click.Path(path_type=Path)


def _print_version(context: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        click.echo(f"webjobs {version('webjobs')}")
        context.exit()


@click.group()
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def cli() -> None:
    """Run scripts on request, on a schedule or for ever."""


@cli.command(epilog=_VARIABLES_OF_UP)
@click.option(
    "--data",
    type=_DATA,
    default=Path(".webjobs"),
    show_default=True,
    help="Folder of everything: jobs, logs, history.",
)
@click.option(
    "--host",
    envvar="WEBJOBS_HOST",
    show_envvar=True,
    default="127.0.0.1",
    show_default=True,
    help="Address of the api.",
)
@click.option(
    "--port",
    envvar="WEBJOBS_PORT",
    show_envvar=True,
    type=click.IntRange(1, 65_535),
    default=8080,
    show_default=True,
    help="Port of the api.",
)
@click.option(
    "--runners", type=click.IntRange(1, 100), default=1, show_default=True, help="How many runners."
)
def up(data: Path, host: str, port: int, runners: int) -> None:
    """Run the whole stack here, NATS and Postgres included, until Ctrl-C."""
    from webjobs_cli.up import up as run_stack

    run_stack(data, host, port, runners)


@cli.group()
def repair() -> None:
    """Repair what damage has left."""


@repair.command()
@click.option(
    "--data",
    type=_DATA,
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

    repair_history(data, force=force, accept_new_stream=accept_new_stream)


def main() -> None:
    """Run the command line; an expected fault is one line on the standard error and exit code 1."""
    try:
        cli(prog_name="webjobs")
    except WebJobsError as error:
        if is_json(os.environ):
            print(json_line("webjobs", str(error), level="error"), file=sys.stderr)
        else:
            print(f"webjobs: {error}", file=sys.stderr)
        sys.exit(1)
