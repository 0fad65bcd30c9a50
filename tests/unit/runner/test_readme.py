"""The first lines of a job's README.md."""

from pathlib import Path

import pytest
from webjobs_runner.files.readme import MOST_CHARACTERS, MOST_LINES, readme_of


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("README.md", b"# Hello\r\n\r\nIt greets.\n", "# Hello\n\nIt greets."),
        ("Readme.MD", b"\xef\xbb\xbf# Hello\n", "# Hello"),
        ("README.md", b"caf\xe9", ""),
        ("README.md", b"a\0b", ""),
        ("README.md", b"\n" * 9, ""),
        ("README.txt", b"other", ""),
        ("docs/README.md", b"not at the top", ""),
    ],
)
def test_a_readme_is_text_at_the_top_of_the_folder(
    tmp_path: Path, name: str, content: bytes, shown: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    assert readme_of(tmp_path, ["run.sh", name]) == shown


def test_only_the_first_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("line\n" * 500)
    assert readme_of(tmp_path, ["README.md"]) == "\n".join(["line"] * MOST_LINES)
    (tmp_path / "README.md").write_text("ä" * 10 * MOST_CHARACTERS)
    assert readme_of(tmp_path, ["README.md"]) == "ä" * MOST_CHARACTERS


def test_a_readme_that_went_or_became_a_link_is_none(tmp_path: Path) -> None:
    assert readme_of(tmp_path, ["README.md"]) == ""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "README.md").symlink_to("secret")
    assert readme_of(tmp_path, ["README.md"]) == ""
