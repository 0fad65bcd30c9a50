"""Archives that strangers made."""

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.unpackers import UNPACKERS, Unpack
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.errors import BadUpload
from webjobs_runner.files.archive_writer import unpack_upload

LIMITS = UploadLimits()
MIB = 1024 * 1024


@pytest.fixture(params=UNPACKERS)
def unpack(request: pytest.FixtureRequest) -> Unpack:
    return UNPACKERS[request.param]


def entry(name: str, mode: int = 0, system: int = 3) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name  # as it is, not as this system would write it
    info.create_system = system
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def archive(place: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = place / "upload.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name if isinstance(name, zipfile.ZipInfo) else entry(name), content)
    return path


def refused(unpack: Unpack, path: Path, target: Path, limits: UploadLimits = LIMITS) -> str:
    with pytest.raises(BadUpload) as fault:
        unpack(path, target, limits)
    return fault.value.reason


def test_files_folders_and_executable_bits_arrive(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        (entry("run.sh", stat.S_IFREG | 0o4755), b"echo"),
        (entry("data.txt", stat.S_IFREG | 0o600), b"data"),
        (entry("empty/", stat.S_IFDIR | 0o700), b""),
        ("./deep/er/file", b"x"),
        ("ünï ☃.txt", b"y"),
    )
    unpack(path, tmp_path / "job", LIMITS)
    job = tmp_path / "job"
    assert (job / "run.sh").read_bytes() == b"echo"
    assert stat.S_IMODE((job / "run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((job / "data.txt").stat().st_mode) == 0o644
    assert stat.S_IMODE((job / "empty").stat().st_mode) == 0o755
    assert (job / "deep" / "er" / "file").read_bytes() == b"x"
    assert (job / "ünï ☃.txt").exists()


def test_backslashes_of_windows_separate_folders(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, (entry("bin\\run.cmd", system=0), b"x"), (entry("bin\\empty\\", system=0), b""))
    unpack(path, tmp_path / "job", LIMITS)
    assert (tmp_path / "job" / "bin" / "run.cmd").is_file()
    assert (tmp_path / "job" / "bin" / "empty").is_dir()


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "a/../../out",
        "..\\out",
        "a\\..\\..\\out",
        "/out",
        "\\out",
        "C:\\out",
        "c:out",
        "//host/out",
        "..",
    ],
)
def test_a_path_out_of_the_folder_is_refused_and_nothing_is_written(
    unpack: Unpack, tmp_path: Path, name: str
) -> None:
    path = archive(tmp_path, ("run.sh", b"x"), (name, b"x"))
    assert "leads out of the job's folder" in refused(unpack, path, tmp_path / "jobs" / "job")
    assert list(tmp_path.rglob("*")) == [path]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\x01b", "control character"),
        ("a\nb", "control character"),
        ("x" * 256, "too long"),
        ("a/" * 600 + "b", "too"),
    ],
)
def test_a_name_no_file_should_have_is_refused(
    unpack: Unpack, tmp_path: Path, name: str, reason: str
) -> None:
    assert reason in refused(unpack, archive(tmp_path, (name, b"x")), tmp_path / "job")


def test_a_name_with_nul_is_refused(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, ("run.sh-x", b"x"))
    path.write_bytes(path.read_bytes().replace(b"run.sh-x", b"run.sh\0x"))
    assert "control character" in refused(unpack, path, tmp_path / "job")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("b/a", "b\\a")])
def test_a_name_given_twice_is_refused(unpack: Unpack, tmp_path: Path, names: tuple[str, str]) -> None:
    path = archive(tmp_path, *((name, b"x") for name in names))
    assert "twice" in refused(unpack, path, tmp_path / "job")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/")])
def test_a_name_of_both_file_and_folder_is_refused(
    unpack: Unpack, tmp_path: Path, names: tuple[str, str]
) -> None:
    path = archive(tmp_path, *((name, b"") for name in names))
    assert "both as a file and as a folder" in refused(unpack, path, tmp_path / "job")


def test_names_that_differ_in_case_are_two_files(unpack: Unpack, tmp_path: Path) -> None:
    unpack(archive(tmp_path, ("a", b"1"), ("A", b"2")), tmp_path / "job", LIMITS)
    assert (tmp_path / "job" / "A").read_bytes() == b"2"


def test_an_encrypted_entry_is_refused(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, ("secret.txt", b"x"))
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "encrypted; pack it without a password" in refused(unpack, path, tmp_path / "job")


def test_a_method_that_cannot_be_bounded_is_refused(unpack: Unpack, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "upload.zip", "w", zipfile.ZIP_LZMA) as target:
        target.writestr("x", b"x" * 100)
    assert "method not supported" in refused(unpack, tmp_path / "upload.zip", tmp_path / "job")


def test_too_many_entries_are_refused(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, *((f"{number}", b"") for number in range(11)))
    unpack(path, tmp_path / "fits", UploadLimits(entries=11))
    assert "holds 11 entries, and 10 are allowed" in refused(
        unpack, path, tmp_path / "job", UploadLimits(entries=10)
    )


def test_a_table_of_contents_too_large_to_read_is_refused(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, *((f"{number}", b"") for number in range(100)))
    assert "lists more entries" in refused(unpack, path, tmp_path / "job", UploadLimits(directory_bytes=1000))


def test_more_than_may_be_unpacked_is_refused(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", bytes(range(256)) * 2048), ("b", bytes(range(256)) * 2048))
    unpack(path, tmp_path / "fits", UploadLimits(unpacked_bytes=MIB))
    assert "unpacks to more than the 1 MiB" in refused(
        unpack, path, tmp_path / "job", UploadLimits(unpacked_bytes=MIB - 1)
    )


def test_sizes_are_counted_and_not_believed(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, ("a", bytes(5 * MIB)))
    lie = path.read_bytes().replace(struct.pack("<L", 5 * MIB), struct.pack("<L", 100))
    path.write_bytes(lie)
    refused(unpack, path, tmp_path / "job", UploadLimits(unpacked_bytes=MIB))
    written = sum(file.stat().st_size for file in (tmp_path / "job").rglob("*"))
    assert written <= MIB


def test_a_bomb_is_refused_before_it_is_unpacked(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, ("zeros", bytes(50 * MIB)))
    assert "more than 200 times its packed size" in refused(unpack, path, tmp_path / "job")
    assert (tmp_path / "job" / "zeros").stat().st_size <= 12 * MIB


def test_many_small_bombs_are_refused_as_one(unpack: Unpack, tmp_path: Path) -> None:
    path = archive(tmp_path, *((f"{number}", bytes(900_000)) for number in range(40)))
    assert "200 times" in refused(unpack, path, tmp_path / "job")


def test_a_small_file_of_zeros_passes(unpack: Unpack, tmp_path: Path) -> None:
    unpack(archive(tmp_path, ("zeros", bytes(MIB))), tmp_path / "job", LIMITS)
    assert (tmp_path / "job" / "zeros").stat().st_size == MIB


def cut_end(data: bytes) -> bytes:
    return data[: len(data) // 2]


def cut_start(data: bytes) -> bytes:
    return data[100:]


def flip_content(data: bytes) -> bytes:
    at = data.index(b"content of the file")
    return data[:at] + b"C" + data[at + 1 :]


@pytest.mark.parametrize(
    "spoil", [cut_end, cut_start, flip_content, lambda data: b"", lambda data: b"#!/bin/sh\n"]
)
def test_what_is_no_whole_zip_is_refused(
    unpack: Unpack, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "upload.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("run.sh", b"content of the file" * 20)
    path.write_bytes(spoil(path.read_bytes()))
    assert any(word in refused(unpack, path, tmp_path / "job") for word in ("zip archive", "damaged"))


def test_files_are_laid_over_those_of_the_folder(tmp_path: Path) -> None:
    job = tmp_path / "job"
    (job / "folder").mkdir(parents=True)
    (job / "run.sh").write_text("a rather long old script")
    (job / "kept").write_text("kept")
    unpack_upload(archive(tmp_path, ("run.sh", b"new"), ("folder/more", b"x")), job, LIMITS)
    assert {file.name: file.read_text() for file in job.rglob("*") if file.is_file()} == {
        "run.sh": "new",
        "kept": "kept",
        "more": "x",
    }
    assert "is a folder in the job" in refused(unpack_upload, archive(tmp_path, ("folder", b"x")), job)
    assert "needs a folder where the job has a file" in refused(
        unpack_upload, archive(tmp_path, ("kept/x", b"x")), job
    )
