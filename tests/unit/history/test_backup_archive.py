"""The file of a backup: made at one stroke, and refused when it is not what was made."""

import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from webjobs_history.backup.archive import ArchiveReader, ArchiveWriter
from webjobs_history.backup.errors import (
    BackupTooNew,
    DamagedBackup,
    FileBusy,
    FileExists,
    FileNotWritten,
    NotABackup,
)
from webjobs_history.backup.format import EVENTS, FORMAT, MANIFEST, Manifest, Record, record_of

RECORDS = [Record(f"events.{number}", number, text="x" * 300) for number in range(1, 1201)]


def manifest_of(archive: ArchiveWriter, form: int = FORMAT) -> Manifest:
    archive.end()
    return Manifest(
        format=form,
        made_by="9.9.9",
        made_at=datetime(2026, 1, 2, tzinfo=UTC),
        namespace="webjobs",
        sequence=1200,
        first_sequence=1,
        lost_events=0,
        stream_created_at="",
        tables="0010",
        absent_packages=[],
        members=dict(archive.members),
    )


def made(path: Path, form: int = FORMAT) -> Path:
    with ArchiveWriter(path) as archive:
        archive.begin(EVENTS)
        archive.write(RECORDS)
        archive.scratch.write_bytes(b"\x00package")
        archive.add_file("packages/abc", archive.scratch)
        archive.finish(manifest_of(archive, form))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with ArchiveReader(made(tmp_path / "file")) as archive:
        archive.check()
        assert [record for batch in archive.records(EVENTS) for record in batch] == RECORDS
        assert archive.open("packages/abc").read() == b"\x00package"
        assert list(archive.records("nothing")) == []
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_one_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ArchiveWriter(tmp_path / "file") as archive:
        archive.begin(EVENTS)
        archive.write(RECORDS)
        archive.scratch.touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(bytes(1_000_000))
    (tmp_path / "file.part").chmod(0o644)
    with ArchiveReader(made(tmp_path / "file")) as archive:
        archive.check()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_file_is_not_replaced_without_being_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(FileExists, match="--force"):
        ArchiveWriter(tmp_path / "file")


def test_two_do_not_write_one_file(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "file"), pytest.raises(FileBusy):
        ArchiveWriter(tmp_path / "file")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotWritten, match="No such file"):
        ArchiveWriter(tmp_path / "nowhere" / "file")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_no_backup(tmp_path: Path, share: float) -> None:
    file = made(tmp_path / "file")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(NotABackup, match="Copy the file again"):
        ArchiveReader(file)


def test_another_archive_is_no_backup(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "file", "w") as archive:
        archive.writestr("run.sh", "echo")
    with pytest.raises(NotABackup, match=MANIFEST):
        ArchiveReader(tmp_path / "file")


def test_a_later_form_is_refused_with_the_release_that_knows_it(tmp_path: Path) -> None:
    with pytest.raises(BackupTooNew, match=r"Restore it with webjobs 9\.9\.9 or later"):
        ArchiveReader(made(tmp_path / "file", FORMAT + 1))


def other_events(name: str, data: bytes) -> bytes | None:
    return data.replace(b"xxx", b"yyy") if name == EVENTS else data


def without_package(name: str, data: bytes) -> bytes | None:
    return None if name.startswith("packages/") else data


@pytest.mark.parametrize(
    ("change", "complaint"),
    [(other_events, f"{EVENTS} has another content"), (without_package, "packages/abc is missing")],
)
def test_a_changed_member_is_found(
    tmp_path: Path, change: Callable[[str, bytes], bytes | None], complaint: str
) -> None:
    made(tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "file") as old, zipfile.ZipFile(tmp_path / "changed", "w") as new:
        for name in old.namelist():
            if (data := change(name, old.read(name))) is not None:
                new.writestr(name, data)
    with ArchiveReader(tmp_path / "changed") as archive, pytest.raises(DamagedBackup, match=complaint):
        archive.check()


def test_an_added_member_is_found(tmp_path: Path) -> None:
    shutil.copy(made(tmp_path / "file"), tmp_path / "added")
    with zipfile.ZipFile(tmp_path / "added", "a") as archive:
        archive.writestr("packages/evil", "x")
    with ArchiveReader(tmp_path / "added") as reader, pytest.raises(DamagedBackup, match="was added"):
        reader.check()


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    data = bytearray(made(tmp_path / "file").read_bytes())
    data[len(EVENTS) + 100] ^= 1
    (tmp_path / "file").write_bytes(data)
    with ArchiveReader(tmp_path / "file") as archive, pytest.raises(DamagedBackup, match=EVENTS):
        archive.check()


@pytest.mark.parametrize("data", [b"", b"{}", "grüße".encode(), b"\xff\x00"])
def test_a_record_keeps_every_content_and_no_header_of_the_server(data: bytes) -> None:
    headers = {"Nats-Msg-Id": "1", "Nats-Expected-Last-Subject-Sequence": "3", "ce-id": "1"}
    record = msgspec.json.decode(msgspec.json.encode(record_of("key", data, headers, 7)), type=Record)
    assert (record.content, record.headers, record.sequence) == (data, {"ce-id": "1"}, 7)
