"""docs/cli.md names every command and exit code; test_development_docs.py compares its reference."""

from pathlib import Path

import click
import pytest
from webjobs_cli.command_table import COMMANDS
from webjobs_cli.errors import FAILED, TIMED_OUT
from webjobs_cli.exit_codes import CANCELLED, LARGEST_OWN
from webjobs_cli.main import cli

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_own_is_described(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert f"\n#### webjobs {name}\n" in PAGE
    for sub in command.commands if isinstance(command, click.Group) else ():
        assert f"\n#### webjobs {name} {sub}\n" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_no_argument_of_a_command_has_the_name_of_another_parameter(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for each in [command, *(command.commands.values() if isinstance(command, click.Group) else ())]:
        arguments = [parameter.name for parameter in each.params if isinstance(parameter, click.Argument)]
        options = {parameter.name for parameter in each.params if isinstance(parameter, click.Option)}
        assert len({*arguments}) == len(arguments) and not options & {*arguments}, each.name


@pytest.mark.parametrize(
    "code", [f"| 0 to {LARGEST_OWN} |", f"| {TIMED_OUT} |", f"| {FAILED} |", f"| {CANCELLED} |"]
)
def test_every_exit_code_is_described(code: str) -> None:
    assert code in PAGE
