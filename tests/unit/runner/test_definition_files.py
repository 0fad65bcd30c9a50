"""settings.job and disable.job in a job's folder."""

import os
from pathlib import Path
from typing import Any

import pytest
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.script import script_folder
from webjobs_runner.files.definition_files import is_disabled, read_settings, write_definition_files


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A job that is a single folder in its folder."""
    (tmp_path / "job" / "inner").mkdir(parents=True)
    (tmp_path / "job" / "inner" / "run.sh").touch()
    return tmp_path / "job"


def write(folder: Path, settings: dict[str, Any], disabled: bool) -> None:
    write_definition_files(folder, settings, disabled, folder.parent / "scratch")


def paths(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_is_left_out_does_not_hide_an_inner_folder(nested: Path) -> None:
    (nested / "inner" / "settings.job").write_text('{"is_singleton": true}')
    (nested / ".DS_Store").touch()
    (nested / "__MACOSX").mkdir()
    (nested / "out").symlink_to("/etc")
    os.mkfifo(nested / "pipe")
    assert read_settings(nested, JobType.TRIGGERED) == {"is_singleton": True}


def test_settings_are_never_read_through_a_link_that_leads_out(nested: Path) -> None:
    (nested.parent / "elsewhere").write_text('{"is_singleton": true}')
    for target in (nested.parent / "elsewhere", "../elsewhere"):
        (nested / "settings.job").symlink_to(target)
        (nested / "disable.job").symlink_to(nested.parent / "made")
        assert read_settings(nested, JobType.TRIGGERED) == {}
        assert not is_disabled(nested)
        write(nested, {}, True)
        assert is_disabled(nested)
        (nested / "disable.job").unlink()
        (nested / "settings.job").unlink()
    assert not (nested.parent / "made").exists()
    os.mkfifo(nested / "pipe")
    for target in ("pipe", "missing"):
        (nested / "settings.job").symlink_to(target)
        assert read_settings(nested, JobType.TRIGGERED) == {}
        (nested / "settings.job").unlink()
    (nested / "real").write_text('{"is_singleton": true}')
    (nested / "settings.job").symlink_to("real")
    assert read_settings(nested, JobType.TRIGGERED) == {"is_singleton": True}


def test_a_folder_without_them_says_nothing(nested: Path) -> None:
    assert read_settings(nested, JobType.TRIGGERED) == {}
    assert not is_disabled(nested)
    write(nested, {}, False)
    assert paths(nested) == {"inner/run.sh"}


def test_they_are_written_to_the_job_folder_and_never_hide_a_nested_script(nested: Path) -> None:
    write(nested, {"is_singleton": True}, True)
    assert paths(nested) == {"inner/run.sh", "settings.job", "disable.job"}
    assert script_folder(paths(nested)) == "inner"
    assert read_settings(nested, JobType.TRIGGERED) == {"is_singleton": True}
    assert is_disabled(nested)


def test_the_inner_ones_win_until_they_are_written_anew(nested: Path) -> None:
    (nested / "settings.job").write_text('{"outer": 1}')
    (nested / "inner" / "Settings.job").write_bytes(b'\xef\xbb\xbf{"inner": 1}')
    (nested / "inner" / "disable.job").touch()
    assert read_settings(nested, JobType.TRIGGERED) == {"inner": 1}
    assert is_disabled(nested)
    write(nested, {"written": 1}, False)
    assert read_settings(nested, JobType.TRIGGERED) == {"written": 1}
    assert paths(nested) == {"inner/run.sh", "settings.job"}


def test_what_is_said_already_is_not_written(nested: Path) -> None:
    (nested / "settings.job").write_text('{"a":1}')
    (nested / "inner" / "disable.job").touch()
    write(nested, {"a": 1}, True)
    assert (nested / "settings.job").read_text() == '{"a":1}'
    assert not (nested / "disable.job").exists()


def test_settings_taken_back_leave_an_empty_object(nested: Path) -> None:
    write(nested, {"a": 1}, False)
    write(nested, {}, False)
    assert read_settings(nested, JobType.TRIGGERED) == {}
    assert (nested / "settings.job").read_text() == "{}\n"


def test_settings_that_are_no_text_are_refused_and_can_be_replaced(nested: Path) -> None:
    (nested / "settings.job").write_bytes(b"\xff\xfe{")
    with pytest.raises(InvalidJobSettings, match="UTF-8"):
        read_settings(nested, JobType.TRIGGERED)
    write(nested, {"a": 1}, False)
    assert read_settings(nested, JobType.TRIGGERED) == {"a": 1}
