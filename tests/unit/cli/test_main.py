import re
import sys
from pathlib import Path

import pytest
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
