"""The name of the shutdown file's variable is found wherever it lies in a package."""

from pathlib import Path

import pytest
from webjobs_rules.stop_plan import SHUTDOWN_FILE_TEXT
from webjobs_runner.files import text_search
from webjobs_runner.files.text_search import mentions_shutdown_file

ASCII, WIDE = SHUTDOWN_FILE_TEXT.encode(), SHUTDOWN_FILE_TEXT.encode("utf-16-le")


@pytest.mark.parametrize(
    ("content", "is_found"),
    [
        (b"", False),
        (b"#!/bin/sh\nwhile [ ! -e $WEBJOBS_SHUTDOWN_FILE ]; do sleep 1; done\n", True),
        (b"\xff\xfe" + "Test-Path $env:WEBJOBS_SHUTDOWN_FILE\r\n".encode("utf-16-le"), True),
        (b"MZ\x90\0" + b"\0" * 99 + WIDE + b"\0\0", True),  # at an odd offset
        (b"WEBJOBS_SHUTDOWN", False),
        (b"WEBJOBS SHUTDOWN FILE", False),
        (SHUTDOWN_FILE_TEXT.encode("utf-16-le")[:-2], False),
    ],
)
def test_it_is_found_in_scripts_and_in_programs(tmp_path: Path, content: bytes, is_found: bool) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "run.sh").write_bytes(b"echo\n")
    (tmp_path / "lib" / "a.bin").write_bytes(content)
    assert mentions_shutdown_file(tmp_path, ["run.sh", "lib/a.bin"]) is is_found


@pytest.mark.parametrize("text", [ASCII, WIDE])
@pytest.mark.parametrize("chunk", [64, 65, 100])
def test_it_is_found_across_the_pieces_in_which_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, chunk: int
) -> None:
    monkeypatch.setattr(text_search, "_CHUNK_BYTES", chunk)
    for before in range(0, 2 * chunk, 7):
        (tmp_path / "file").write_bytes(b"x" * before + text + b"y" * 70)
        assert mentions_shutdown_file(tmp_path, ["file"])


def test_a_file_that_is_gone_does_not_count(tmp_path: Path) -> None:
    assert not mentions_shutdown_file(tmp_path, ["gone"])
