"""docs/cli.md names every command, exit code and code of a failure; test_development_docs.py has the rest."""

import re
from pathlib import Path

import click
import pytest
from webjobs_cli.command_table import COMMANDS
from webjobs_cli.errors import FAILED, TIMED_OUT
from webjobs_cli.exit_codes import CANCELLED, LARGEST_OWN
from webjobs_cli.main import cli

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cli.md").read_text()


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


def test_every_code_of_a_failure_is_described_and_no_other() -> None:
    folders = (ROOT / "tools" / "cli", ROOT / "libs" / "client")
    sources = "\n".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    codes = set(
        re.findall(r'CommandError\(\s*"(\w+)"|    code(?:: str)? = "(\w+)"|, code: str = "(\w+)"', sources)
    )
    table = PAGE.split("| `code` | Means |")[1].split("\n\n")[0]
    named = {code for row in re.findall(r"(?m)^\| ([^|]+) \|", table) for code in re.findall(r"`(\w+)`", row)}
    found = {code for match in codes for code in match if code}
    assert len(found) > 30 and named == found
