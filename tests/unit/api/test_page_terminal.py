"""Are the lines that pages show for a terminal commands that exist, with arguments that stay whole?"""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from webjobs_api.pages import terminal
from webjobs_api.pages.terminal import Shell, TerminalLine
from webjobs_cli.command_table import COMMANDS
from webjobs_cli.main import cli
from webjobs_rules.job import JobType

BASE = "https://jobs.example/x"
SHELL = Shell(BASE)
NAMES = ["hello", "a b", "-rf", "it's; $(reboot) `x`", 'q"uote&', "ä*?[1]{2}", "#%~!"]
RUN_ID = "202601020304050000"

OF_A_JOB: list[Callable[[Shell, str], Sequence[TerminalLine]]] = [
    lambda shell, name: terminal.of_triggered_job(shell, name, "d" * 64),
    terminal.of_triggered_job,
    terminal.of_continuous_job,
    lambda shell, name: terminal.of_run(shell, name, RUN_ID, is_over=False),
    lambda shell, name: terminal.of_new_job(shell, JobType.TRIGGERED, name),
    lambda shell, name: terminal.of_hook(shell, name),
    lambda shell, name: terminal.of_runs(shell, {"job": [name]}),
    lambda shell, name: terminal.of_overview(shell, {"text": name, "filter": "failed", "type": "Triggered"}),
    lambda shell, name: terminal.of_events(shell, {"job": name}, "webjobs.events.>"),
]
OF_THE_SITE: list[Callable[[Shell], Sequence[TerminalLine]]] = [
    lambda shell: terminal.of_overview(shell, {}),
    lambda shell: terminal.of_runs(shell, {}),
    lambda shell: terminal.of_runs(shell, {"status": ["Failed"], "trigger": ["schedule"]}),
    lambda shell: terminal.of_runs(shell, {"since": ["2026-01-02T03:04Z"]}),
    terminal.of_schedule,
    terminal.of_hooks,
    terminal.of_settings,
    terminal.of_system,
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file is that the lines of a new job name."""
    (tmp_path / "run.sh").write_text("echo\n", "utf-8")
    monkeypatch.chdir(tmp_path)


def parsed(words: list[str]) -> click.Context:
    """The context of the command that these words run, with its parameters."""
    assert words[0] == "webjobs" and words[1] in COMMANDS
    command: click.Command = cli
    context = command.make_context("webjobs", words[1:])
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, words
        command = found
        context = command.make_context(name, rest, parent=context)
    return context


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lines_of", OF_A_JOB)
def test_the_lines_of_a_job_name_it_whatever_its_name(
    lines_of: Callable[[Shell, str], Sequence[TerminalLine]], name: str
) -> None:
    for line in lines_of(SHELL, name):
        curl, command = (shlex.split(each) for each in line.commands[:2])
        (address,) = [word for word in curl if word.startswith(BASE)]
        path, query = urlsplit(address).path, urlsplit(address).query
        parts = [unquote(each) for each in path.split("/")]
        assert name in parts or unquote(query.replace("+", " ")).find(name) >= 0, address
        values = [str(value) for value in parsed(command).params.values()]
        assert any(
            name in each or repr(name)[1:-1] in each or address.removeprefix(BASE) == each for each in values
        )


@pytest.mark.parametrize("lines_of", OF_THE_SITE)
def test_the_lines_of_other_pages_are_commands(lines_of: Callable[[Shell], Sequence[TerminalLine]]) -> None:
    for line in lines_of(SHELL):
        assert shlex.split(line.commands[0])[0] == "curl"
        parsed(shlex.split(line.commands[1]))


def test_curl_signs_in_as_the_user_of_the_page() -> None:
    (line,) = terminal.of_runs(Shell(BASE, "ann b"), {})
    assert line.commands[0] == "curl -u 'ann b' https://jobs.example/x/api/runs"


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ({}, "webjobs runs --url https://jobs.example/x"),
        (
            {"status": ["Failed"], "job": ["a b"]},
            "webjobs runs --url https://jobs.example/x --status failed 'a b'",
        ),
        (
            {"runner": ["a1"]},
            "webjobs api --url https://jobs.example/x GET '/api/runs?runner=a1'",
        ),
    ],
)
def test_filters_that_the_command_lacks_are_sent_as_a_request(
    given: dict[str, list[str]], command: str
) -> None:
    (line,) = terminal.of_runs(SHELL, given)
    assert line.commands[1] == command
