"""The `webjobs` command: its entry point, and how its failures look."""

import os
import sys
from typing import NoReturn

import click

from webjobs_cli.errors import CommandError, failure_of, failure_of_system
from webjobs_cli.lazy_group import LazyGroup, invalid_use

_CANCELLED = 130
_COMPLETION = "_WEBJOBS_COMPLETE"
"""The variable by which a shell asks for completions."""


def _print_version(context: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        from webjobs_cli.release import installed_version

        click.echo(f"webjobs {installed_version()}")
        context.exit()


def _store_server(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        from webjobs_cli.invocation import Invocation

        assert parameter.name is not None
        setattr(context.ensure_object(Invocation), parameter.name, value)


@click.group(cls=LazyGroup, no_args_is_help=False, invoke_without_command=True)
@click.option(
    "--url",
    metavar="URL",
    expose_value=False,
    callback=_store_server,
    help="The server at this address. Default: WEBJOBS_URL, the context in use, a `webjobs up` of "
    "this folder or one above, http://127.0.0.1:8080.",
)
@click.option(
    "--context",
    metavar="NAME",
    expose_value=False,
    callback=_store_server,
    help="The server of this context.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Run scripts on request, on a schedule or for ever."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line; a failure is one line on the standard error, or an object with `--json`."""
    _open_streams()
    if _COMPLETION in os.environ:
        _complete()
    try:
        result = cli.main(prog_name="webjobs", standalone_mode=False)
    except CommandError as error:
        _fail(error)
    except click.UsageError as error:
        _fail(invalid_use(error))
    except click.ClickException as error:
        _fail(CommandError("failed", error.format_message(), exit_code=error.exit_code))
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("webjobs_"):
            raise
        _fail(_not_installed())
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_CANCELLED)
    except OSError as error:
        _fail(failure_of_system(error))
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        _fail(failure)
    sys.exit(result if isinstance(result, int) else 0)


def _open_streams() -> None:
    """Open what the caller has closed (`>&-`): nothing is read there, and what is written goes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def _complete() -> NoReturn:
    """Print what a shell can complete; whatever goes wrong, nothing else is printed."""
    try:
        cli.main(prog_name="webjobs", complete_var=_COMPLETION)
    except Exception:
        pass
    sys.exit(0)


def _not_installed() -> CommandError:
    """Only the distribution `webjobs-client` is here."""
    return CommandError(
        "not_installed",
        "This command runs a part of the stack, which is not installed.",
        "pip install webjobs",
    )


def _fail(error: CommandError) -> None:
    if _wants_json(sys.argv[1:]):
        import json

        fields = {"code": error.code, "message": error.message, "remedy": error.remedy}
        print(json.dumps({"error": fields}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"webjobs: {' '.join(str(error).split())}", file=sys.stderr)
    _drop_unwritten()
    sys.exit(error.exit_code)


def _drop_unwritten() -> None:
    """Let the end of this process not report once more that the standard output takes nothing."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wants_json(arguments: list[str]) -> bool:
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(word == "--json" or word.startswith("--json=") for word in options)
