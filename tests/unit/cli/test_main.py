import io
import json
import re
import sys
from pathlib import Path

import pytest
from webjobs_cli.lazy_group import with_json_values
from webjobs_cli.main import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["webjobs", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert re.fullmatch(r"webjobs \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_an_expected_fault_is_one_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert run(monkeypatch, "up", "--data", str(tmp_path / "file")) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"webjobs: {tmp_path / 'file'} cannot be the data folder")
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_senseless_port_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "up", "--port", "70000") == 2
    assert "65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["contxt"], "No such command 'contxt'. Did you mean 'context'? See `webjobs --help`."),
        (["context", "shw"], "No such command 'shw'. Did you mean 'show'? See `webjobs context --help`."),
        (["context", "use"], "Name a context, or give --none."),
        (["--url", "nowhere", "context", "show"], "--url: 'nowhere' is not the address of a server."),
    ],
)
def test_a_command_that_is_used_wrongly_ends_with_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"webjobs: {message}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["context", "show", "--json=nme"], ["context", "show", "--jsn", "--json"]]
)
def test_a_failure_is_an_object_on_the_standard_error_with_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err)["error"].keys() == {"code", "message", "remedy"}


def test_json_without_fields_takes_no_word_for_one() -> None:
    assert with_json_values(["--json", "name", "--json=a", "--", "--json"]) == [
        "--json=", "name", "--json=a", "--", "--json",
    ]  # fmt: skip


def test_contexts_are_added_chosen_shown_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WEBJOBS_URL", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("top secret\n"))
    assert run(monkeypatch, "context", "add", "a", "http://a:1", "--username", "ann", "--password-stdin") == 0
    assert run(monkeypatch, "context", "add", "b", "http://b:2") == 0
    assert run(monkeypatch, "context", "use", "b") == 0
    capsys.readouterr()
    assert run(monkeypatch, "context", "list", "--json=name,password,current") == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "a", "password": "stored", "current": False},
        {"name": "b", "password": "netrc", "current": True},
    ]
    assert run(monkeypatch, "context", "show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["url"] == "http://b:2"
    assert run(monkeypatch, "context", "show", "--context", "a") == 0
    assert capsys.readouterr().out == "http://a:1 (by context a, signing in as ann)\n"
    assert run(monkeypatch, "context", "remove", "b") == 0
    assert run(monkeypatch, "context", "use", "b") == 1
    assert "There are: a." in capsys.readouterr().err
