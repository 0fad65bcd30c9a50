"""The table of commands says what the commands themselves say, and nothing is imported to list them."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from webjobs_cli.command_table import COMMANDS
from webjobs_cli.lazy_group import LazyGroup
from webjobs_cli.main import cli
from webjobs_cli.shapes.printed import PRINTED

HEAVY = (
    "typer", "pydantic", "aiohttp", "rich", "asyncio", "nats", "webjobs_events", "webjobs_service",
)  # fmt: skip
IMPORTED = """
import json, sys
sys.argv = ["webjobs", *json.loads(sys.argv[1])]
from webjobs_cli.main import main
try:
    main()
except SystemExit:
    pass
light = {"webjobs_rules", "webjobs_rules.amounts"}  # of the rules, these need the standard library only
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules if name not in light})))
"""


def imported_by(*arguments: str) -> set[str]:
    """The packages that one invocation imports."""
    process = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    return set(json.loads(process.stdout.splitlines()[-1]))


def command_of(name: str) -> click.Command:
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line_in_the_table(name: str) -> None:
    assert (command_of(name).help or "").startswith(COMMANDS[name].help)


def test_the_help_imports_no_command() -> None:
    imported = imported_by("--help")
    assert "click" in imported
    assert not imported & {*HEAVY, "msgspec", "http", "webjobs_client", "webjobs_stack"}


def test_every_command_that_prints_json_has_a_shape_and_no_other() -> None:
    found = set()
    for name in COMMANDS:
        command = command_of(name)
        members = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        for sub, each in members:
            if any("--json" in parameter.opts for parameter in each.params):
                found.add(f"{name} {sub}".strip())
    assert found == {name.partition(" --")[0] for name in PRINTED}


def test_a_job_is_checked_by_the_rules_alone(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("echo")
    (tmp_path / "settings.job").write_text('{"schedule": "@daily"}')
    imported = imported_by("lint", str(tmp_path), "--name", "a")
    assert "webjobs_rules" in imported
    assert not imported & {*HEAVY, "http", "subprocess", "webjobs_client", "webjobs_stack"}


def test_a_script_is_run_without_an_event_loop(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("echo")
    imported = imported_by("exec", str(tmp_path), "--name", "a", "--quiet")
    assert not imported & {*HEAVY, "http", "webjobs_client", "webjobs_stack", "webjobs_runner"}


@pytest.mark.parametrize(
    "arguments", [["jobs"], ["jobs", "--json"], ["logs", "hello"], ["runs"], ["show", "hello"]]
)
def test_what_reads_imports_nothing_heavy(arguments: list[str]) -> None:
    # Nothing listens there: all but the answer is imported by then.
    imported = imported_by("--url", "http://127.0.0.1:1", *arguments)
    assert "webjobs_client" in imported
    assert not imported & {*HEAVY, "webjobs_rules"}
