"""`webjobs up`: its arguments. What the stack needs is imported when it runs."""

from pathlib import Path

import click

from webjobs_cli.count import Count
from webjobs_cli.job_options import data_option, port_option
from webjobs_cli.stack_errors import stack_errors

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


@click.command(epilog=_VARIABLES_OF_UP)
@data_option
@click.option(
    "--host",
    envvar="WEBJOBS_HOST",
    show_envvar=True,
    default="127.0.0.1",
    show_default=True,
    help="Address of the api.",
)
@port_option
@click.option("--runners", type=Count(1, 100), default=1, show_default=True, help="How many runners.")
def up(data: Path, host: str, port: int, runners: int) -> None:
    """Run the whole stack here, NATS and Postgres included, until Ctrl-C."""
    from webjobs_cli.up import up as run_stack

    with stack_errors():
        run_stack(data, host, port, runners)
