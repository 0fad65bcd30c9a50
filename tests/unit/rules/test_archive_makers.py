"""Archives as the programs write them that people use: names, modes, links, litter."""

import os
import stat
import unicodedata
import zipfile
from pathlib import Path

import pytest
from support.unpackers import UNPACKERS, Unpack
from support.zip_makers import (
    APPLE_DOUBLE,
    DOS,
    MAKERS,
    NTFS,
    UNIX,
    UTF8_FLAG,
    RawEntry,
    finder_zip,
    git_zip,
    info_zip,
    raw_zip,
    unicode_path,
    unix_attributes,
)
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut, Why, left_out_warnings
from webjobs_runner.files.archive_writer import unpack_upload
from webjobs_runner.files.package import scan_folder

LIMITS = UploadLimits()
PROJECT = {
    "myjob/run.sh": "#!/bin/sh\n./tools/tool.sh\n",
    "myjob/tools/tool.sh": "#!/bin/sh\necho tool\n",
    "myjob/data.txt": "data",
}


@pytest.fixture(params=UNPACKERS)
def unpack(request: pytest.FixtureRequest) -> Unpack:
    return UNPACKERS[request.param]


def unpacked(unpack: Unpack, place: Path, archive: bytes, name: str = "job") -> tuple[Path, list[str]]:
    """The folder, and the warnings."""
    (place / f"{name}.zip").write_bytes(archive)
    left_out = unpack(place / f"{name}.zip", place / name, LIMITS)
    return place / name, left_out_warnings(left_out)


def refused(unpack: Unpack, place: Path, archive: bytes) -> str:
    with pytest.raises(BadUpload) as fault:
        unpacked(unpack, place, archive, "refused")
    return fault.value.reason


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def is_executable(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize("maker", MAKERS)
def test_a_project_arrives_whole_and_runnable_whoever_packed_it(
    unpack: Unpack, tmp_path: Path, maker: str
) -> None:
    with_name = {**PROJECT, "myjob/Jämförelse.txt": "ä"}
    job, warnings = unpacked(unpack, tmp_path, MAKERS[maker](with_name))
    assert files_of(job) == with_name
    assert [is_executable(job / path) for path in with_name] == [True, True, False, False]
    assert bool(warnings) == (maker == "Finder")
    with zipfile.ZipFile(tmp_path / "job.zip") as read_by_python:  # the archive itself is well-formed
        assert read_by_python.testzip() is None


def test_what_finder_adds_is_left_out_with_a_warning(unpack: Unpack, tmp_path: Path) -> None:
    _, (warning,) = unpacked(unpack, tmp_path, finder_zip(PROJECT))
    assert warning.startswith("Left out 5 files that macOS or Windows added: __MACOSX/myjob/._run.sh, ")


LITTER = (
    "__MACOSX/._run.sh",
    "__macosx/x/y.txt",
    "deep/__MACOSX/any",
    "._run.sh",
    "deep/._data",
    ".DS_Store",
    "deep/.ds_store",
    "Thumbs.db",
    "deep/THUMBS.DB",
    "desktop.ini",
    "Desktop.ini",
)
NO_LITTER = (".env", "_run.sh", "MACOSX/x", "DS_Store", "thumbs.db.txt", "my desktop.ini", "a._b")


def test_only_litter_is_left_out(unpack: Unpack, tmp_path: Path) -> None:
    names = ["run.sh", *LITTER, *NO_LITTER]
    job, warnings = unpacked(unpack, tmp_path, raw_zip(*(RawEntry(name.encode(), b"x") for name in names)))
    assert sorted(files_of(job)) == sorted(["run.sh", *NO_LITTER])
    assert len(warnings) == 1


A_UMLAUT = "J\u00e4mf\u00f6relse.txt"
NAMES = {
    "UTF-8 with the flag": (RawEntry(A_UMLAUT.encode(), flags=UTF8_FLAG), A_UMLAUT),
    "UTF-8 without the flag": (RawEntry(A_UMLAUT.encode()), A_UMLAUT),
    "code page 437": (RawEntry(A_UMLAUT.encode("cp437"), system=DOS), A_UMLAUT),
    "a field for Unicode names": (
        RawEntry(b"J?mf?relse.txt", extra=unicode_path(b"J?mf?relse.txt", A_UMLAUT.encode())),
        A_UMLAUT,
    ),
    "that field after another": (
        RawEntry(b"J_.txt", extra=b"UT\x01\x00\x00" + unicode_path(b"J_.txt", A_UMLAUT.encode())),
        A_UMLAUT,
    ),
    "that field before UTF-8": (
        RawEntry("ö.txt".encode(), extra=unicode_path("ö.txt".encode(), A_UMLAUT.encode())),
        A_UMLAUT,
    ),
    "that field of another name": (
        RawEntry(b"renamed.txt", extra=unicode_path(b"J_.txt", A_UMLAUT.encode())),
        "renamed.txt",
    ),
    "that field in a later version": (
        RawEntry(b"J_.txt", extra=unicode_path(b"J_.txt", A_UMLAUT.encode(), version=2)),
        "J_.txt",
    ),
    "that field without UTF-8": (
        RawEntry(b"J_.txt", extra=unicode_path(b"J_.txt", b"\xff\xfe")),
        "J_.txt",
    ),
    "composed letters of macOS": (
        RawEntry(unicodedata.normalize("NFD", A_UMLAUT).encode()),
        unicodedata.normalize("NFD", A_UMLAUT),
    ),
    "Japanese": (RawEntry("表.txt".encode(), flags=UTF8_FLAG), "表.txt"),
    "a backslash between folders": (RawEntry(b"lib\\deep\\x.txt", system=DOS), "lib/deep/x.txt"),
    "a dot before": (RawEntry(b"./lib/x.txt"), "lib/x.txt"),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_are_read_as_they_were_meant(unpack: Unpack, tmp_path: Path, case: str) -> None:
    entry, name = NAMES[case]
    job, _ = unpacked(unpack, tmp_path, raw_zip(entry))
    assert list(files_of(job)) == [name]


UNSAFE = (
    b"/etc/x",
    b"\\etc\\x",
    b"C:\\x",
    b"c:x",
    b"C:/x",
    b"\\\\host\\share\\x",
    b"..\\x",
    b"a/..\\../x",
    b"a\\..\\..\\x",
)


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("system", [DOS, UNIX])
def test_names_that_lead_out_are_refused(unpack: Unpack, tmp_path: Path, name: bytes, system: int) -> None:
    assert "leads out of the job's folder" in refused(unpack, tmp_path, raw_zip(RawEntry(name, b"x", system)))
    hidden = RawEntry(b"a.txt", b"x", system, extra=unicode_path(b"a.txt", name))
    assert "leads out of the job's folder" in refused(unpack, tmp_path, raw_zip(hidden))


PROGRAMS = {"a.sh": b"#!/bin/sh\n", "b": b"\x7fELF\x02\x01", "c": b"text #!", "d": b"", "e.exe": b"MZ\x90"}


@pytest.mark.parametrize("system", [DOS, NTFS, 11, 14])
@pytest.mark.parametrize("attributes", [0, 0x20, unix_attributes(stat.S_IFREG | 0o666)])
def test_programs_are_executable_in_an_archive_without_modes(
    unpack: Unpack, tmp_path: Path, system: int, attributes: int
) -> None:
    entries = (
        RawEntry(name.encode(), content, system, attributes=attributes) for name, content in PROGRAMS.items()
    )
    job, _ = unpacked(unpack, tmp_path, raw_zip(*entries))
    assert {name for name in PROGRAMS if is_executable(job / name)} == {"a.sh", "b"}


def test_modes_are_kept_in_an_archive_that_has_them(unpack: Unpack, tmp_path: Path) -> None:
    plain, program = (unix_attributes(stat.S_IFREG | mode) for mode in (0o644, 0o755))
    entries = [
        RawEntry(b"plain.sh", b"#!/bin/sh\n", attributes=plain),
        RawEntry(b"program", b"text", attributes=program),
        RawEntry(b"unsaid.sh", b"#!/bin/sh\n", DOS),  # git archive says nothing of what is not a program
    ]
    job, _ = unpacked(unpack, tmp_path, raw_zip(*entries))
    names = ("plain.sh", "program", "unsaid.sh")
    assert [is_executable(job / name) for name in names] == [False, True, False]


INSIDE = {
    "node_modules/.bin/tool": "../tool/cli.js",
    "current": "lib/v2",
    "lib/v2/self": ".",
    "lib/back": "../run.sh",
    "lib/v2/up": "../../data.txt",
    "through": "current/code.py",
    "dangling": "not/there/yet",
    "lib/v2/dangling": "../../nowhere",
    "with spaces and ä": "lib/./v2//code.py",
}
OUTSIDE = {
    "absolute": ("/etc/passwd", Why.OUTSIDE),
    "up": ("..", Why.OUTSIDE),
    "lib/up": ("../../x", Why.OUTSIDE),
    "dangling out": ("../gone", Why.OUTSIDE),
    "by absolute": ("absolute/x", Why.OUTSIDE),
    "by current": ("current/../../../x", Why.OUTSIDE),
    "circle": ("circle", Why.CIRCLE),
    "one": ("other/x", Why.CIRCLE),
    "other": ("one", Why.CIRCLE),
    "long": ("x/" * 600, Why.TARGET),
    "control": ("a\x01b", Why.TARGET),
}
TREE = {
    "run.sh": "echo",
    "data.txt": "data",
    "node_modules/tool/cli.js": "#!/usr/bin/env node\n",
    "lib/v2/code.py": "",
}


@pytest.mark.parametrize("maker", [info_zip, git_zip])
def test_links_that_stay_inside_are_kept(unpack: Unpack, tmp_path: Path, maker: object) -> None:
    assert callable(maker)
    job, warnings = unpacked(unpack, tmp_path, maker(TREE, INSIDE))
    assert {path: os.readlink(job / path) for path in INSIDE} == INSIDE
    assert warnings == []
    assert {link.path: link.target for link in scan_folder(job).links} == INSIDE


def test_links_that_lead_out_are_left_out_with_warnings(unpack: Unpack, tmp_path: Path) -> None:
    links = {"current": "lib/v2"} | {path: target for path, (target, _) in OUTSIDE.items()}
    job, warnings = unpacked(unpack, tmp_path, info_zip(TREE, links))
    assert [path for path in links if (job / path).is_symlink()] == ["current"]
    assert warnings == left_out_warnings(LeftOut(path, why) for path, (_, why) in OUTSIDE.items())
    assert warnings[0].startswith("Left out 6 links that lead out of the job's folder: absolute, up, lib/up,")
    # The same folder on a disk is judged in the same way.
    for path, (target, _) in OUTSIDE.items():
        (job / path).symlink_to(target)
    manifest = scan_folder(job)
    reasons = {path: why for path, (_, why) in OUTSIDE.items()}
    assert {item.path: item.why for item in manifest.left_out} == reasons
    assert [link.path for link in manifest.links] == ["current"]


@pytest.mark.parametrize(
    "entries",
    [
        ("out", "out/x"),
        ("out/x", "out"),
        ("out", "out/deeper/x"),
        ("out", "OUT\\..\\out\\x"),
        ("out", "./out/x"),
        ("out", "out/"),
    ],
)
@pytest.mark.parametrize("target", ["/tmp", "..", "lib"])
def test_no_file_is_written_through_a_link_of_the_archive(
    unpack: Unpack, tmp_path: Path, entries: tuple[str, str], target: str
) -> None:
    link = unix_attributes(stat.S_IFLNK | 0o777)
    parts = [RawEntry(name.encode(), b"x") for name in entries if name != "out"]
    parts.insert(entries.index("out"), RawEntry(b"out", target.encode(), attributes=link))
    refused(unpack, tmp_path, raw_zip(RawEntry(b"lib/a", b""), *parts))
    assert not list(tmp_path.rglob("x"))


def test_no_file_is_written_through_a_link_of_the_folder(tmp_path: Path) -> None:
    job = tmp_path / "job"
    (job / "lib").mkdir(parents=True)
    (job / "link").symlink_to("lib")
    (job / "file").symlink_to("lib/data")
    (job / "lib" / "data").write_text("kept")
    (tmp_path / "a.zip").write_bytes(raw_zip(RawEntry(b"link/x", b"new")))
    with pytest.raises(BadUpload, match="needs a folder where the job has a link"):
        unpack_upload(tmp_path / "a.zip", job, LIMITS)
    unpacked(unpack_upload, tmp_path, raw_zip(RawEntry(b"link", b"new"), RawEntry(b"file", b"new")))
    assert files_of(job) == {"lib/data": "kept", "link": "new", "file": "new"}
    unpacked(unpack_upload, tmp_path, info_zip({"run.sh": ""}, {"link": "lib"}))
    assert (job / "link" / "data").read_text() == "kept"
    assert "is a folder in the job" in refused_over(
        unpack_upload, tmp_path, info_zip({"run.sh": ""}, {"lib": "x"})
    )


def refused_over(unpack: Unpack, place: Path, archive: bytes) -> str:
    with pytest.raises(BadUpload) as fault:
        unpacked(unpack, place, archive)
    return fault.value.reason


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK])
def test_what_is_no_file_is_left_out_with_a_warning(unpack: Unpack, tmp_path: Path, kind: int) -> None:
    odd = RawEntry(b"odd", b"/etc/passwd", attributes=unix_attributes(kind | 0o644))
    job, warnings = unpacked(unpack, tmp_path, raw_zip(odd, RawEntry(b"run.sh", b"")))
    assert list(files_of(job)) == ["run.sh"]
    assert warnings == ["Left out a pipe, socket or device: odd."]


NOTHING = {
    "no entry": (raw_zip(), "the archive is empty"),
    "folders": (raw_zip(RawEntry(b"a/"), RawEntry(b"a/b/")), "no file that can be deployed, only 'a', 'a/b'"),
    "litter": (
        raw_zip(RawEntry(b"__MACOSX/"), RawEntry(b"__MACOSX/._a", APPLE_DOUBLE), RawEntry(b".DS_Store", b"")),
        "no file that can be deployed, only '__MACOSX/._a', '.DS_Store'",
    ),
    "a link that leads out": (info_zip({}, {"run.sh": "/bin/ls"}), "only 'run.sh'"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_an_archive_without_a_file_is_refused_with_the_reason(
    unpack: Unpack, tmp_path: Path, case: str
) -> None:
    archive, words = NOTHING[case]
    assert words in refused(unpack, tmp_path, archive)
