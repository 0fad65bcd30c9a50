"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from webjobs_cli.count import Count

_F = TypeVar("_F", bound=Callable[..., Any])


def job_options(function: _F) -> _F:
    """Add `--name` and `--type` of the job that a path becomes."""
    function = click.option(
        "--type",
        "job_type",
        type=click.Choice(["triggered", "continuous"]),
        help="Default: as the folder above PATH is called, else triggered.",
    )(function)
    return click.option(
        "--name", metavar="JOB", help="Name of the job. Default: that of the folder, zip or script."
    )(function)


def data_option(function: _F) -> _F:
    """Add `--data`, the folder of `webjobs up`."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path(".webjobs"),
        show_default=True,
        help="Folder of everything that `webjobs up` keeps: jobs, logs, history.",
    )(function)


def port_option(function: _F) -> _F:
    """Add `--port`, that of the api of `webjobs up`."""
    return click.option(
        "--port",
        envvar="WEBJOBS_PORT",
        show_envvar=True,
        type=Count(1, 65_535),
        default=8080,
        show_default=True,
        help="Port of the api of `webjobs up`.",
    )(function)
