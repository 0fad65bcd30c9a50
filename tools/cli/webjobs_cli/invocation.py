"""What every command has in common: the options for the server and for JSON, and what follows from them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from webjobs_cli.output import Output

_F = TypeVar("_F", bound=Callable[..., Any])


class Invocation:
    """The common options of one invocation; `--url` and `--context` may stand before the command too."""

    def __init__(self) -> None:
        """Nothing is given yet."""
        self.url: str | None = None
        self.context: str | None = None
        self.json_fields: str | None = None

    @property
    def output(self) -> Output:
        """Where the command prints."""
        return Output(self.json_fields)


def invocation() -> Invocation:
    """The options of the command that runs now."""
    return click.get_current_context().ensure_object(Invocation)


def _store(attribute: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def store(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            setattr(context.ensure_object(Invocation), attribute, value)

    return store


def server_options(function: _F) -> _F:
    """Add `--url` and `--context`."""
    function = click.option(
        "--context",
        metavar="NAME",
        expose_value=False,
        callback=_store("context"),
        help="The server of this context; see `webjobs context`.",
    )(function)
    return click.option(
        "--url",
        metavar="URL",
        expose_value=False,
        callback=_store("url"),
        help="The server at this address.",
    )(function)


def json_option(function: _F) -> _F:
    """Add `--json` and `--json=FIELDS`."""
    return click.option(
        "--json",
        metavar="[=FIELDS]",
        expose_value=False,
        callback=_store("json_fields"),
        help="Print JSON; with FIELDS, such as name,status, these fields only.",
    )(function)
