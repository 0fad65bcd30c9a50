"""The click group that imports a command when it runs, and lists all of them from the table."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoSuchCommand

from webjobs_cli.command_table import COMMANDS, SECTIONS
from webjobs_cli.errors import FAILED, TIMED_OUT, CommandError, failure_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_HELP_COLUMN = 12  # so that the lines of all sections begin below each other


class LazyGroup(click.Group):
    """`webjobs` itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, as the help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of this name; None when there is none."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(_imported(f"webjobs_cli.commands.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with suggestions from the table."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the table."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                rows = [(name.ljust(_HELP_COLUMN), entry.help) for name, entry in commands.items()]
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete names of commands from the table, and options."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _imported(name: str) -> ModuleType:
    """The module; without the garbage collector, which would look in vain and take a tenth of the time."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if is_enabled:
            gc.enable()


def with_json_values(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--json` as `--json=`, so that it does not take the next word as its fields."""
    options = len(arguments) if "--" not in arguments else list(arguments).index("--")
    return [
        "--json=" if index < options and word == "--json" else word for index, word in enumerate(arguments)
    ]


class Command(click.Command):
    """A command of `webjobs`, whose `--json` has optional fields."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, `--json` without fields included."""
        return super().parse_args(ctx, with_json_values(args))


class WaitingCommand(Command):
    """A command whose exit code is that of a script: every failure of its own has another one, 125."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; wrong use is such a failure."""
        with _failures_are_125():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _failures_are_125():
            return super().invoke(ctx)


@contextmanager
def _failures_are_125() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        raise _as_125(invalid_use(error)) from None
    except CommandError as error:
        raise _as_125(error) from None
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise _as_125(failure) from error


def _as_125(error: CommandError) -> CommandError:
    if error.exit_code in (1, 2):
        error.exit_code = TIMED_OUT if error.code == "timed_out" else FAILED
    return error


def invalid_use(error: click.UsageError) -> CommandError:
    """What is reported of a command line that click cannot read."""
    command = error.ctx.command_path if error.ctx else "webjobs"
    message = error.format_message().replace("\n", " ")
    if message[-1:] not in (".", "?", "!"):
        message += "."
    return CommandError("invalid_use", message, f"See `{command} --help`.", exit_code=error.exit_code)


class Group(click.Group):
    """A command with commands of its own."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with the whole first sentence of each, in as many lines as it takes."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=1000)) for name, command in found if command]
            )
