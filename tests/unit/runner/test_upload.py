"""An upload becomes the files of a version."""

import stat
import zipfile
from pathlib import Path

import pytest
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.errors import BadUpload
from webjobs_rules.uploaded_script import script_file_name
from webjobs_runner.files.upload import place_archive, place_merged, place_script

LIMITS = UploadLimits()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("run.sh", "run.sh"),
        (' "run.sh" ', "run.sh"),
        ("'run.sh'", "run.sh"),
        ("C:\\jobs\\run.cmd", "run.cmd"),
        ("../../etc/run.sh", "run.sh"),
        ('"a/b c.py"', "b c.py"),
    ],
)
def test_a_file_name_loses_quotes_and_folders(text: str, name: str) -> None:
    assert script_file_name(text) == name


@pytest.mark.parametrize("text", ["", '""', "a/", "..", "a/..", ".", "a\nb", "x" * 256, "a\0b"])
def test_what_is_no_file_name_is_refused(text: str) -> None:
    with pytest.raises(BadUpload):
        script_file_name(text)


def test_a_script_is_the_only_file_and_executable(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"echo hello")
    place_script(tmp_path / "upload", '"run.sh"', tmp_path / "job")
    (script,) = (tmp_path / "job").iterdir()
    assert (script.name, script.read_bytes()) == ("run.sh", b"echo hello")
    assert stat.S_IMODE(script.stat().st_mode) == 0o755


def test_a_failed_upload_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"no zip")
    with pytest.raises(BadUpload):
        place_archive(tmp_path / "upload", tmp_path / "job", LIMITS)
    with pytest.raises(BadUpload):
        place_script(tmp_path / "upload", "", tmp_path / "job")
    (tmp_path / "upload").write_bytes(b"")
    with pytest.raises(BadUpload, match="is empty"):
        place_script(tmp_path / "upload", "run.sh", tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_merge_leaves_the_current_version_untouched(tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.mkdir()
    (current / "run.sh").write_text("old")
    (current / "kept.txt").write_text("kept")
    (current / "settings.job").write_text('{"is_singleton": true}')
    with zipfile.ZipFile(tmp_path / "upload", "w") as archive:
        archive.writestr("run.sh", "new")
    place_merged(tmp_path / "upload", current, tmp_path / "job", LIMITS)
    assert {file.name: file.read_text() for file in (tmp_path / "job").iterdir()} == {
        "run.sh": "new",
        "kept.txt": "kept",
    }
    assert (current / "run.sh").read_text() == "old"
    place_merged(tmp_path / "upload", None, tmp_path / "first", LIMITS)
    assert [file.name for file in (tmp_path / "first").iterdir()] == ["run.sh"]
