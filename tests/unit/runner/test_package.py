"""A job's files as a package named by its digest."""

import os
import random
import shutil
import socket
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webjobs_rules.errors import FolderRefused
from webjobs_rules.left_out import Why
from webjobs_runner.deploy_errors import FolderChangedMeanwhile, PackageDamaged
from webjobs_runner.files.package import copy_version, scan_folder, unpack_package, write_package

LETTERS = st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",))
NAMES = st.text(LETTERS, min_size=1, max_size=8)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.tuples(st.binary(max_size=64), st.booleans()), max_size=6)


def build(folder: Path, tree: dict[str, tuple[bytes, bool]], order: random.Random) -> None:
    """Write the files in any order and with any times, but for paths that other paths make impossible."""
    folder.mkdir()
    paths = sorted(tree)
    kept = [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]
    order.shuffle(kept)
    for path in kept:
        content, executable = tree[path]
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("e"):
            place.mkdir()
        else:
            place.write_bytes(content)
            place.chmod(0o711 if executable else 0o600)
        os.utime(place, (order.randrange(10**9), order.randrange(10**9)))


@settings(max_examples=40, deadline=None)
@given(TREES, st.randoms(use_true_random=False))
def test_what_was_packed_is_unpacked(tree: dict[str, tuple[bytes, bool]], order: random.Random) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        build(home / "source", tree, order)
        manifest = scan_folder(home / "source")
        write_package(home / "source", manifest, home / "package")
        assert unpack_package(home / "package", home / "target") == manifest
        assert scan_folder(home / "target") == manifest
        assert copy_version(home / "source", home / "copy") == scan_folder(home / "copy") == manifest


@settings(max_examples=20, deadline=None)
@given(TREES, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_order_of_creation_and_times_do_not_change_the_package(
    tree: dict[str, tuple[bytes, bool]], one: random.Random, other: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        build(home / "one", tree, one)
        build(home / "other", tree, other)
        manifest = scan_folder(home / "one")
        assert scan_folder(home / "other").digest == manifest.digest
        write_package(home / "one", manifest, home / "one.zip")
        write_package(home / "other", manifest, home / "other.zip")
        assert (home / "one.zip").read_bytes() == (home / "other.zip").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "run.sh").write_text("echo b"),
        lambda folder: (folder / "run.sh").rename(folder / "main.sh"),
        lambda folder: (folder / "run.sh").chmod(0o755),
        lambda folder: (folder / "empty").rmdir(),
        lambda folder: (folder / "empty" / "inner").mkdir(),
        lambda folder: (folder / "more").touch(),
    ],
)
def test_any_change_of_files_changes_the_digest(tmp_path: Path, change: object) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "run.sh").write_text("echo a")
    (tmp_path / "run.sh").chmod(0o644)
    before = scan_folder(tmp_path).digest
    assert callable(change)
    change(tmp_path)
    assert scan_folder(tmp_path).digest != before


def test_settings_and_disable_mark_are_no_part_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "inner" / "deep" / "run.sh").touch()
    before = scan_folder(tmp_path).digest
    for folder in (tmp_path, tmp_path / "inner", tmp_path / "inner" / "deep"):
        (folder / "settings.job").write_text("{}")
        (folder / "disable.job").touch()
    assert scan_folder(tmp_path).digest == before
    (tmp_path / "inner" / "deep" / "data").mkdir()
    (tmp_path / "inner" / "deep" / "data" / "settings.job").write_text("{}")
    assert "inner/deep/data/settings.job" in {file.path for file in scan_folder(tmp_path).files}


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job").symlink_to(tmp_path)
    with pytest.raises(FolderRefused, match="is a link"):
        scan_folder(tmp_path / "job")


def linked_folder(folder: Path) -> Path:
    """A folder with links that are kept, and things that are left out."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "code.py").write_text("x")
    (folder / "run.sh").symlink_to("lib/code.py")
    (folder / "lib" / "self").symlink_to("..")
    (folder / "later").symlink_to("not/yet")
    for name, target in (("secret", "/etc/passwd"), ("lib/out", "../../x"), ("by", "lib/self/../x")):
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")
    (folder / ".DS_Store").touch()
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "x").touch()
    return folder


def test_links_that_stay_inside_travel_and_the_rest_is_left_out(tmp_path: Path) -> None:
    source = linked_folder(tmp_path / "source")
    manifest = scan_folder(source)
    kept = {"later": "not/yet", "lib/self": "..", "run.sh": "lib/code.py"}
    assert {link.path: link.target for link in manifest.links} == kept
    assert manifest.readable_paths == ("lib/code.py", "run.sh")
    assert {item.path: item.why for item in manifest.left_out} == {
        "secret": Why.OUTSIDE,
        "lib/out": Why.OUTSIDE,
        "by": Why.OUTSIDE,
        "pipe": Why.SPECIAL,
        ".DS_Store": Why.LITTER,
        "__MACOSX/x": Why.LITTER,
    }
    assert manifest.empty_folders == ()
    write_package(source, manifest, tmp_path / "package")
    assert unpack_package(tmp_path / "package", tmp_path / "target") == manifest
    assert scan_folder(tmp_path / "target") == copy_version(source, tmp_path / "copy") == manifest
    for folder in ("target", "copy"):
        assert sorted(os.listdir(tmp_path / folder)) == ["later", "lib", "run.sh"]
        assert (tmp_path / folder / "run.sh").readlink() == Path("lib/code.py")
    (source / "later").unlink()
    (source / "later").symlink_to("elsewhere")
    assert scan_folder(source).digest != manifest.digest
    with pytest.raises(FolderChangedMeanwhile, match="later"):
        write_package(source, manifest, tmp_path / "spoiled")


def test_a_pipe_or_socket_is_left_out_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        manifest = scan_folder(tmp_path)
    assert {item.path: item.why for item in manifest.left_out} == {"pipe": Why.SPECIAL, "s": Why.SPECIAL}
    assert manifest.files == ()


def test_a_package_with_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    for target, inner in (("..", "run.sh"), ("/tmp", "run.sh"), ("lib", "link/x")):
        with zipfile.ZipFile(tmp_path / "package", "w") as archive:
            link = zipfile.ZipInfo("link")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, target)
            archive.writestr(inner, "x")
        with pytest.raises(PackageDamaged):
            unpack_package(tmp_path / "package", tmp_path / "target" / "job")
        shutil.rmtree(tmp_path / "target")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff")).touch()
    with pytest.raises(FolderRefused, match="not UTF-8"):
        scan_folder(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_text("echo B"),
        lambda file: file.write_text("echo a and more"),
        lambda file: file.chmod(0o755),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), os.mkfifo(file)),
        lambda file: (file.unlink(), file.symlink_to("/etc/passwd")),
    ],
)
def test_a_file_that_changes_after_the_scan_spoils_the_package(tmp_path: Path, change: object) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "run.sh").write_text("echo a")
    manifest = scan_folder(folder)
    assert callable(change)
    change(folder / "run.sh")
    with pytest.raises(FolderChangedMeanwhile, match=r"run\.sh"):
        write_package(folder, manifest, tmp_path / "package")
    assert not (tmp_path / "package").exists()


def test_a_package_that_would_write_outside_is_refused(tmp_path: Path) -> None:
    for name in ("../out", "/out", "a/../../out", "a//b", "./a"):
        with zipfile.ZipFile(tmp_path / "package", "w") as archive:
            archive.writestr(name, "x")
        with pytest.raises(PackageDamaged, match="not a path inside"):
            unpack_package(tmp_path / "package", tmp_path / "target" / "job")
        assert not (tmp_path / "target" / "out").exists()


def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "package").write_bytes(b"PK\x05\x06 no zip")
    with pytest.raises(PackageDamaged, match="damaged"):
        unpack_package(tmp_path / "package", tmp_path / "target")
