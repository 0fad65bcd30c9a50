"""The first line of a script is read anew whenever the file may have changed."""

import os
import time
from pathlib import Path

import pytest
from support.eventually import eventually
from webjobs_rules.shebang import Shebang
from webjobs_runner.files import script_file
from webjobs_runner.files.script_file import shebang_of


def test_an_edit_right_after_a_look_is_seen(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    for shell in ("aa", "bb", "cc"):  # of the same size, within a tick of the clock of files
        script.write_text(f"#!/bin/{shell}\n")
        assert shebang_of(script) == Shebang(f"/bin/{shell}")


async def test_an_edit_after_the_first_line_was_kept_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_file, "CLOCK_GRAIN_NS", 50_000_000)
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/aa\n")
    written_at = os.stat(script).st_ctime_ns
    await eventually(lambda: time.time_ns() > written_at + 100_000_000)
    reads: list[Path | str] = []
    read = script_file._head

    def counted(path: Path | str) -> bytes:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(script_file, "_head", counted)
    for _ in range(3):
        assert shebang_of(script) == Shebang("/bin/aa")
    assert len(reads) == 1
    before = os.stat(script)
    script.write_text("#!/bin/bb\n")
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shebang_of(script) == Shebang("/bin/bb")


@pytest.mark.parametrize("content", [None, b"", b"echo\n"])
def test_a_file_that_names_none_or_is_not_there_has_none(tmp_path: Path, content: bytes | None) -> None:
    script = tmp_path / "run.sh"
    if content is not None:
        script.write_bytes(content)
    assert shebang_of(script) is None
