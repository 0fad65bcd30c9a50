"""Working copies in the temporary folder."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from support.eventually import eventually
from webjobs_rules.job import JobName, JobType
from webjobs_runner.deploy_errors import FolderChangedMeanwhile, TemporaryFolderTaken, WrongVersion
from webjobs_runner.files.job_files import install_version
from webjobs_runner.files.package import scan_folder, write_package
from webjobs_runner.files.site import Site
from webjobs_runner.files.working_copy import WorkingCopies

JOB = JobName("job")
TRIGGERED = JobType.TRIGGERED


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "lib" / "empty").mkdir(parents=True)
    (folder / "run.sh").write_text("echo 1")
    (folder / "lib" / "more.sh").write_text("echo more")
    return folder


@pytest.fixture
def temp_root(tmp_path: Path) -> Path:
    return tmp_path / "tmp" / "webjobs-abc123"


@pytest.fixture
def copies(tmp_path: Path, temp_root: Path) -> Iterator[WorkingCopies]:
    copies = WorkingCopies(Site(tmp_path / "data"), temp_root)
    copies.open()
    yield copies
    copies.close()


def acquire(copies: WorkingCopies, source: Path) -> Path:
    return copies.acquire(TRIGGERED, JOB, scan_folder(source).digest, source)


def test_a_copy_lies_in_the_temporary_folder_and_is_private(
    copies: WorkingCopies, source: Path, temp_root: Path
) -> None:
    path = acquire(copies, source)
    assert path.parent == temp_root / "jobs" / "triggered" / "job"
    assert scan_folder(path) == scan_folder(source)
    assert temp_root.stat().st_mode & 0o777 == 0o700


def test_runs_of_one_version_share_a_copy(copies: WorkingCopies, source: Path) -> None:
    assert acquire(copies, source) == acquire(copies, source)
    assert copies.reuse(TRIGGERED, JOB, scan_folder(source).digest) is not None
    assert copies.reuse(TRIGGERED, JobName("other"), scan_folder(source).digest) is None


def test_runs_that_start_together_make_one_copy(copies: WorkingCopies, source: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: acquire(copies, source), range(8)))
    assert len(paths) == 1
    assert len(list(paths.pop().parent.iterdir())) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: (copy / "run.sh").write_text("echo 2"),
        lambda copy: os.utime(copy / "lib" / "more.sh", (1, 1)),
        lambda copy: (copy / "run.sh").unlink(),
        lambda copy: (copy / "lib" / "empty").rmdir(),
        lambda copy: shutil.rmtree(copy),
    ],
)
def test_a_copy_that_a_script_edited_is_made_anew(
    copies: WorkingCopies, source: Path, spoil: Callable[[Path], object]
) -> None:
    first = acquire(copies, source)
    spoil(first)
    second = acquire(copies, source)
    assert second != first
    assert scan_folder(second) == scan_folder(source)
    assert (source / "run.sh").read_text() == "echo 1"


def test_files_that_a_script_added_keep_the_copy(copies: WorkingCopies, source: Path) -> None:
    first = acquire(copies, source)
    (first / "output.txt").write_text("x")
    (first / "lib" / "cache").mkdir()
    assert acquire(copies, source) == first


async def test_a_superseded_copy_lives_until_its_last_run_ends(copies: WorkingCopies, source: Path) -> None:
    first = acquire(copies, source)
    assert acquire(copies, source) == first
    (source / "run.sh").write_text("echo 2")
    second = acquire(copies, source)
    assert second != first
    copies.release(first)
    assert (first / "run.sh").read_text() == "echo 1"
    copies.release(first)
    await eventually(lambda: not first.exists())
    copies.release(first)
    copies.release(second)
    assert second.exists(), "the current version's copy waits for the next run"
    copies.discard(TRIGGERED, JOB)
    await eventually(lambda: not second.parent.exists())


def test_a_folder_that_holds_another_version_is_not_copied(
    copies: WorkingCopies, source: Path, temp_root: Path
) -> None:
    wanted = scan_folder(source).digest
    (source / "half.copied").touch()
    with pytest.raises(WrongVersion, match="install that one first"):
        copies.acquire(TRIGGERED, JOB, wanted, source)
    assert not (temp_root / "jobs" / "triggered" / "job").exists()


def test_a_version_can_come_from_its_package(copies: WorkingCopies, source: Path, tmp_path: Path) -> None:
    manifest = scan_folder(source)
    write_package(source, manifest, tmp_path / "package")
    assert scan_folder(copies.acquire(TRIGGERED, JOB, manifest.digest, tmp_path / "package")) == manifest


async def test_what_an_earlier_process_left_is_deleted(
    copies: WorkingCopies, source: Path, temp_root: Path
) -> None:
    left_over = acquire(copies, source)
    (temp_root / "kept-of-others").mkdir()
    later = WorkingCopies(Site(temp_root.parent / "data"), temp_root)
    later.open()
    assert not left_over.exists()
    await eventually(lambda: [entry.name for entry in temp_root.iterdir()] == ["kept-of-others"])
    later.close()


def test_a_temporary_folder_that_is_a_link_is_not_used(tmp_path: Path, temp_root: Path) -> None:
    temp_root.parent.mkdir()
    temp_root.symlink_to(tmp_path)
    with pytest.raises(TemporaryFolderTaken):
        WorkingCopies(Site(tmp_path / "data"), temp_root).open()


def test_a_copy_made_during_deploys_is_one_version_whole(
    copies: WorkingCopies, source: Path, tmp_path: Path
) -> None:
    site = Site(tmp_path / "data")
    versions = []
    for text in ("echo 1", "echo 2"):
        (source / "run.sh").write_text(text)
        manifest = scan_folder(source)
        write_package(source, manifest, tmp_path / text)
        versions.append((tmp_path / text, manifest.digest))
    install_version(site, TRIGGERED, JOB, *versions[0], {}, False)

    def deploy_again_and_again() -> None:
        for number in range(60):
            install_version(site, TRIGGERED, JOB, *versions[number % 2], {}, False)

    attempts = copied = 0
    with ThreadPoolExecutor(1) as pool:
        deploys = pool.submit(deploy_again_and_again)
        while not deploys.done() or not copied:
            attempts += 1
            _, digest = versions[attempts % 2]
            with suppress(WrongVersion, FolderChangedMeanwhile):
                path = copies.acquire(TRIGGERED, JOB, digest, site.job_folder(TRIGGERED, JOB))
                assert scan_folder(path).digest == digest
                copies.release(path)
                copied += 1
        deploys.result()
