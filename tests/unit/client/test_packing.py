"""What is uploaded of folders, files and bytes."""

import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from webjobs_client import InvalidRequest
from webjobs_client.packing import Package, package_of
from webjobs_rules.ignore_patterns import IgnorePatterns


def content(package: Package) -> bytes:
    return b"".join(package.upload.chunks())


def names(package: Package) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content(package))).namelist()


def fill(folder: Path, *paths: str) -> Path:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return folder


def test_the_same_folder_is_the_same_bytes(tmp_path: Path) -> None:
    paths = ["run.sh", "b/c.txt", "a.txt", "B.txt", "größe.txt"]
    first = fill(tmp_path / "1", *paths)
    second = fill(tmp_path / "2", *reversed(paths))
    for folder in (first, second):
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("a.txt")
    (second / "a.txt").chmod(0o600)
    os.utime(second / "a.txt", (0, 0))
    with package_of(first) as one, package_of(str(second)) as other:
        assert content(one) == content(other) == content(one)
        assert one.digest == other.digest == hashlib.sha256(content(one)).hexdigest()
        assert (one.files, one.size) == (6, sum(len(path.encode()) for path in paths) + len("a.txt"))
        assert one.upload.size == len(content(one)) and one.file_name is None and one.left_out == {}
        archive = zipfile.ZipFile(io.BytesIO(content(one)))
        assert archive.namelist() == ["B.txt", "a.txt", "b/c.txt", "größe.txt", "link", "run.sh"]
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        assert modes["run.sh"] == stat.S_IFREG | 0o755 and modes["a.txt"] == stat.S_IFREG | 0o644
        assert stat.S_ISLNK(modes["link"]) and archive.read("link") == b"a.txt"
    (second / "run.sh").chmod(0o644)
    with package_of(second) as changed:
        assert changed.digest != one.digest


def test_what_is_left_out_of_a_folder(tmp_path: Path) -> None:
    folder = fill(
        tmp_path / "job",
        *("run.sh", "lib/x.py", ".gitignore", ".env.example", "venv.txt"),
        *(".git/HEAD", ".git/refs/x", "lib/__pycache__/x.pyc", "y.pyc", ".venv/a", "venv/a", ".mypy_cache/a"),
        *(
            ".pytest_cache/a",
            ".DS_Store",
            "lib/._x.py",
            "__MACOSX/a",
            "Thumbs.db",
            "desktop.ini",
            ".env",
            "lib/.env",
        ),
    )
    (folder / ".gitignore").write_text("run.sh\n")
    with package_of(folder) as package:
        assert names(package) == [".env.example", ".gitignore", "lib/x.py", "run.sh", "venv.txt"]
        assert package.left_out[".git/"] == 2 and package.left_out["y.pyc"] == 1
    (folder / ".webjobsignore").write_text("# mine\n*.txt\n!/lib/.env\n")
    with package_of(folder, include=["y.pyc"]) as package:
        assert names(package) == [".env.example", ".gitignore", "lib/.env", "lib/x.py", "run.sh", "y.pyc"]


@pytest.mark.parametrize(
    ("patterns", "left_out", "kept"),
    [
        (["*.log"], ["a.log", "b/c.log"], ["a.log.txt", "log"]),
        (["/*.log"], ["a.log"], ["b/c.log"]),
        (["a/b"], ["a/b"], ["x/a/b", "b"]),
        (["build/"], ["build/", "x/build/"], ["build", "rebuild/"]),
        (["**/x"], ["x", "a/x", "a/b/x"], ["ax"]),
        (["a/**/x"], ["a/x", "a/b/c/x"], ["b/a/x"]),
        (["a/**"], ["a/b", "a/b/c"], ["a/", "b/a"]),
        (["fo?"], ["foo", "x/fob"], ["fo", "fooo", "fo/"]),
        (["[ab]*.[!c]"], ["a1.d", "b.x"], ["c.d", "a.c"]),
        (["*.txt", "!keep.txt"], ["a.txt"], ["keep.txt", "x/keep.txt"]),
        (["!keep.txt", "*.txt"], ["keep.txt"], []),
        ([r"\#x", r"\!y", r"a\*"], ["#x", "!y", "a*"], ["ab", "y"]),
        (["", "   ", "# x", "/", "!"], [], ["x", " ", "#"]),
        (["x  ", "y\\ "], ["x", "y "], ["y", "x  "]),
        (["a[", "b]"], ["a[", "b]"], ["a"]),
        (["[]x]", "[^]]"], ["]", "x", "a"], []),
        (["a.c"], ["a.c"], ["abc"]),
        (["dir"], ["dir/", "dir", "a/dir"], ["dirs"]),
    ],
)
def test_patterns_are_those_of_gitignore(patterns: list[str], left_out: list[str], kept: list[str]) -> None:
    read = IgnorePatterns(patterns)

    def is_left_out(path: str) -> bool:
        return read.leaves_out(path.rstrip("/") if path != "/" else path, is_folder=path.endswith("/"))

    assert [path for path in left_out if not is_left_out(path)] == []
    assert [path for path in kept if is_left_out(path)] == []


def test_files_and_bytes(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text("print(1)")
    with package_of(script) as package:
        assert (package.file_name, package.files, content(package)) == ("run.py", 1, b"print(1)")
    archive = tmp_path / "job.bin"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("run.sh", "exit 0")
    with package_of(archive) as package:
        assert (package.file_name, package.files, content(package)) == (None, None, archive.read_bytes())
    assert package_of(b"PK").file_name is None
    assert package_of(b"exit 0", file_name="run.sh").file_name == "run.sh"
    assert package_of(b"x", file_name="a.zip").file_name is None


def test_what_cannot_be_uploaded(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="There is no file"):
        package_of(tmp_path / "none")
    with pytest.raises(InvalidRequest, match="holds no file") as raised:
        package_of(fill(tmp_path / "job", "a.pyc"))
    assert "a.pyc" in raised.value.remedy
    os.mkfifo(tmp_path / "job" / "pipe")
    fill(tmp_path / "job", "run.sh")
    with package_of(tmp_path / "job") as package:
        assert names(package) == ["run.sh"] and package.left_out["pipe"] == 1
