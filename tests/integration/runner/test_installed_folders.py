"""Edits of job folders are found before each run, whether or not the folder has to be listed for that."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.definitions import job_definition
from support.eventually import eventually
from webjobs_rules.job import JobName, JobType
from webjobs_runner.files import folder_walk, installed_folders, stat_check
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.folder_walk import Entry, snapshot_folder
from webjobs_runner.files.in_place import InPlaceFiles
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.site import Site
from webjobs_runner.files.stat_check import StatCheck

KEY = (JobType.TRIGGERED, JobName("job"))
DEFINITION = job_definition()
GRAIN_NS = 50_000_000  # more than a tick of this machine's clock of files


def same_size(folder: Path) -> None:
    (folder / "data.txt").write_text("edited")


def same_size_and_mtime(folder: Path) -> None:
    before = os.stat(folder / "data.txt")
    (folder / "data.txt").write_text("edited")
    os.utime(folder / "data.txt", ns=(before.st_atime_ns, before.st_mtime_ns))


def added(folder: Path) -> None:
    (folder / "new.txt").touch()


def added_in_a_subfolder(folder: Path) -> None:
    (folder / "lib" / "new.txt").touch()


def added_with_the_mtime_of_the_folder_as_before(folder: Path) -> None:
    """As `rsync -a` leaves it."""
    before = os.stat(folder)
    (folder / "new.txt").touch()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


def removed(folder: Path) -> None:
    (folder / "lib" / "deep.txt").unlink()


def renamed(folder: Path) -> None:
    (folder / "data.txt").rename(folder / "other.txt")


def replaced(folder: Path) -> None:
    (folder.parent / "beside").write_text("edited")
    (folder.parent / "beside").rename(folder / "data.txt")


def made_executable(folder: Path) -> None:
    (folder / "run.sh").chmod(0o755)


def became_a_link(folder: Path) -> None:
    (folder / "data.txt").unlink()
    (folder / "data.txt").symlink_to("run.sh")


def an_empty_folder_added(folder: Path) -> None:
    (folder / "lib" / "empty").mkdir()


def all_replaced(folder: Path) -> None:
    """By a copy that bears the same names, contents and mtimes."""
    shutil.copytree(folder, folder.parent / "copy")
    folder.rename(folder.parent / "old")
    (folder.parent / "copy").rename(folder)


def a_link_to_a_copy(folder: Path) -> None:
    folder.rename(folder.parents[3] / "elsewhere")
    folder.symlink_to(folder.parents[3] / "elsewhere")


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


EDITS = [
    same_size,
    same_size_and_mtime,
    added,
    added_in_a_subfolder,
    added_with_the_mtime_of_the_folder_as_before,
    removed,
    renamed,
    replaced,
    made_executable,
    became_a_link,
    an_empty_folder_added,
    all_replaced,
    a_link_to_a_copy,
    gone,
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(stat_check, "CLOCK_GRAIN_NS", GRAIN_NS)
    site = Site(tmp_path / "data")
    site.ensure()
    return site


async def installed_job(site: Site, tmp_path: Path) -> tuple[InstalledFolders, Path]:
    folder = site.job_folder(*KEY)
    (folder / "lib").mkdir(parents=True)
    for name in ("run.sh", "data.txt", "lib/deep.txt"):
        (folder / name).write_text("before")
    installed = InstalledFolders(site, InPlaceFiles(tmp_path / "in-place"), FileDropWatcher(site))
    await record(installed, folder)
    return installed, folder


async def record(installed: InstalledFolders, folder: Path) -> None:
    snapshot = snapshot_folder(folder)
    assert snapshot is not None
    await installed.record(DEFINITION, folder, snapshot)


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each folder whenever it is listed."""
    listed: list[Path] = []
    walk = folder_walk.walk_folder

    def walk_folder(folder: Path) -> Iterator[Entry]:
        listed.append(folder)
        return walk(folder)

    monkeypatch.setattr(folder_walk, "walk_folder", walk_folder)
    return listed


async def until_not_listed(installed: InstalledFolders, listings: list[Path]) -> None:
    async def is_found_without() -> bool:
        listings.clear()
        assert not await installed.has_edit(KEY)
        return not listings

    await eventually(is_found_without, 10)


@pytest.mark.parametrize("edit", EDITS)
async def test_each_edit_is_found_when_the_folder_is_not_listed(
    site: Site, tmp_path: Path, listings: list[Path], edit: Callable[[Path], None]
) -> None:
    installed, folder = await installed_job(site, tmp_path)
    await until_not_listed(installed, listings)
    edit(folder)
    assert await installed.has_edit(KEY)
    assert await installed.has_edit(KEY), "until the edit is deployed or refused"


async def test_what_leaves_the_files_as_they_were_is_no_edit(
    site: Site, tmp_path: Path, listings: list[Path]
) -> None:
    installed, folder = await installed_job(site, tmp_path)
    await until_not_listed(installed, listings)
    (folder / "new.txt").touch()
    (folder / "new.txt").unlink()
    assert not await installed.has_edit(KEY)
    await until_not_listed(installed, listings)


async def test_a_refused_and_a_deployed_edit_are_no_edits_and_what_follows_is_one(
    site: Site, tmp_path: Path, listings: list[Path]
) -> None:
    installed, folder = await installed_job(site, tmp_path)
    await until_not_listed(installed, listings)
    added(folder)
    installed.record_refusal(KEY, snapshot_folder(folder))
    await until_not_listed(installed, listings)
    same_size(folder)
    assert await installed.has_edit(KEY)
    await record(installed, folder)
    await until_not_listed(installed, listings)
    (folder / "new.txt").unlink()
    assert await installed.has_edit(KEY)


async def test_a_shared_folder_is_always_listed(
    site: Site, tmp_path: Path, listings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file system may keep no times of folders."""
    monkeypatch.setattr(installed_folders, "is_shared_file_system", lambda _folder: True)
    installed, folder = await installed_job(site, tmp_path)
    made_at = os.stat(folder / "lib" / "deep.txt").st_ctime_ns
    await eventually(lambda: time.time_ns() > made_at + 2 * GRAIN_NS)
    listings.clear()
    for _ in range(3):
        assert not await installed.has_edit(KEY)
    assert listings == [folder] * 3


def test_a_look_soon_after_a_change_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    entries: list[Entry] = []
    snapshot_folder(tmp_path, entries)
    snapshot = StatCheck(tmp_path, entries)
    newest = max(entry.status.st_ctime_ns for entry in entries)
    assert not snapshot.is_older_than(newest + folder_walk.CLOCK_GRAIN_NS)
    assert snapshot.is_older_than(newest + folder_walk.CLOCK_GRAIN_NS + 1)
    assert snapshot.is_unchanged()
