"""Files dropped into the site folder, watched by the kernel's notices and by polling."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.eventually import eventually, pause
from webjobs_rules.job import JobName, JobType
from webjobs_runner.files import file_drop, folder_notices
from webjobs_runner.files.drop_reports import DropReport, FolderChanged, FolderGone, NameRefused
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.folder_note import read_note
from webjobs_runner.files.inotify import Inotify, Notice
from webjobs_runner.files.job_files import install_version, note_version
from webjobs_runner.files.package import scan_folder, write_package
from webjobs_runner.files.site import Site

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
JOB = JobName("job")
CHANGED = FolderChanged(TRIGGERED, JOB)
GONE = FolderGone(TRIGGERED, JOB)
QUIET = 0.2  # seconds; short, as tests wait for it again and again


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "data")
    site.ensure()
    return site


@pytest.fixture
def root(site: Site) -> Path:
    return site.jobs_roots(TRIGGERED)[0]


both_ways = pytest.mark.parametrize("watcher", ["notices", "polling"], indirect=True)


@pytest.fixture
async def watcher(
    site: Site, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FileDropWatcher]:
    if getattr(request, "param", "notices") == "polling":
        monkeypatch.setattr(folder_notices, "is_shared_file_system", lambda folder: True)
    async with watching(FileDropWatcher(site, quiet_seconds=QUIET, poll_seconds=0.1)) as running:
        yield running


@asynccontextmanager
async def watching(watcher: FileDropWatcher) -> AsyncIterator[FileDropWatcher]:
    task = asyncio.create_task(watcher.run())
    try:
        await eventually(lambda: watcher.is_watching)
        yield watcher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def report(watcher: FileDropWatcher) -> DropReport:
    return await asyncio.wait_for(watcher.reports.get(), 30)


async def settled(watcher: FileDropWatcher, root: Path) -> list[DropReport]:
    """Everything reported up to now: a job dropped last is reported last."""
    drop(root.parent / "continuous" / "last")
    seen = []
    while (latest := await report(watcher)) != FolderChanged(CONTINUOUS, JobName("last")):
        seen.append(latest)
    return seen


def drop(folder: Path, content: str = "echo") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.sh").write_text(content)
    return folder


@contextmanager
def open_elsewhere(path: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    """Another process holds the file open for writing."""
    code = "import sys; file = open(sys.argv[1], 'a'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            yield
        finally:
            process.kill()


@both_ways
async def test_a_dropped_job_an_edit_and_a_removal_are_reported(watcher: FileDropWatcher, root: Path) -> None:
    drop(root / "job")
    assert await report(watcher) == CHANGED
    (root / "job" / "run.sh").write_text("echo more")
    assert await report(watcher) == CHANGED
    (root / "job" / "run.sh").chmod(0o755)
    assert await report(watcher) == CHANGED
    shutil.rmtree(root / "job")
    assert await report(watcher) == GONE
    assert await settled(watcher, root) == []


async def test_an_edit_deep_inside_is_reported(watcher: FileDropWatcher, root: Path) -> None:
    drop(root / "job" / "a" / "b")
    assert await report(watcher) == CHANGED
    (root / "job" / "a" / "b" / "c").mkdir()
    assert await report(watcher) == CHANGED
    drop(root / "job" / "a" / "b" / "c")
    assert await report(watcher) == CHANGED


@both_ways
async def test_a_folder_moved_into_place_and_away_is_reported(
    watcher: FileDropWatcher, root: Path, tmp_path: Path
) -> None:
    drop(tmp_path / "made ready").rename(root / "job")
    assert await report(watcher) == CHANGED
    (root / "job").rename(root / "renamed")
    assert {await report(watcher), await report(watcher)} == {
        GONE,
        FolderChanged(TRIGGERED, JobName("renamed")),
    }
    drop(root / "renamed", "echo the kernel watches it under its new name")
    assert await report(watcher) == FolderChanged(TRIGGERED, JobName("renamed"))
    (root / "renamed").rename(tmp_path / "away")
    assert await report(watcher) == FolderGone(TRIGGERED, JobName("renamed"))


async def test_a_drop_is_reported_within_two_seconds(site: Site, root: Path) -> None:
    async with watching(FileDropWatcher(site)) as watcher:
        drop(root / "job")
        dropped_at = time.monotonic()
        assert await report(watcher) == CHANGED
        assert 1.0 <= time.monotonic() - dropped_at <= 2.0


@both_ways
async def test_a_slow_copy_is_reported_once_when_it_is_complete(watcher: FileDropWatcher, root: Path) -> None:
    (root / "job").mkdir()
    sizes = [1000, 10, 50_000]
    for number, size in enumerate(sizes):
        with open(root / "job" / f"{number}.sh", "wb") as file:
            for _ in range(4):
                file.write(bytes(size))
                file.flush()
                await pause(QUIET / 4, "the pace of the copy")
        assert watcher.reports.empty()
    assert await report(watcher) == CHANGED
    assert await settled(watcher, root) == []


@both_ways
async def test_a_writer_that_pauses_with_the_file_open_is_waited_for(
    watcher: FileDropWatcher, root: Path
) -> None:
    drop(root / "job")
    with open_elsewhere(root / "job" / "run.sh"):
        assert await settled(watcher, root) == [], "another job was dropped later and reported meanwhile"
    assert await report(watcher) == CHANGED


async def test_a_reader_is_not_waited_for(watcher: FileDropWatcher, root: Path) -> None:
    with open(drop(root / "job") / "run.sh"):
        assert await report(watcher) == CHANGED


async def test_a_script_in_place_that_keeps_its_own_file_open_is_not_waited_for(
    watcher: FileDropWatcher, root: Path
) -> None:
    drop(root / "job")
    marks = {"WEBJOBS_TYPE": "triggered", "WEBJOBS_NAME": "job"}
    with open_elsewhere(root / "job" / "output.txt", marks):
        assert await report(watcher) == CHANGED


async def test_jobs_found_at_start_and_noted_jobs_that_are_missing_are_reported_once(
    site: Site, root: Path
) -> None:
    drop(root / "job")
    note_version(site, TRIGGERED, JobName("missing"), "1", {}, False)
    async with watching(FileDropWatcher(site, quiet_seconds=QUIET)) as watcher:
        reports = await settled(watcher, root)
        assert sorted(map(str, reports)) == sorted(
            map(str, [CHANGED, FolderGone(TRIGGERED, JobName("missing"))])
        )


async def test_our_own_installation_is_reported_at_most_once(
    watcher: FileDropWatcher, site: Site, root: Path, tmp_path: Path
) -> None:
    manifest = scan_folder(drop(tmp_path / "source"))
    write_package(tmp_path / "source", manifest, tmp_path / "package")
    install_version(site, TRIGGERED, JOB, tmp_path / "package", manifest.digest, {"a": 1}, True)
    assert await report(watcher) == CHANGED
    install_version(site, TRIGGERED, JOB, tmp_path / "package", manifest.digest, {"a": 1}, True)
    assert await settled(watcher, root) == []


async def test_what_changes_nothing_is_not_reported(watcher: FileDropWatcher, root: Path) -> None:
    drop(root / "job")
    assert await report(watcher) == CHANGED
    (root / "job" / "temporary").touch()
    (root / "job" / "temporary").unlink()
    assert await settled(watcher, root) == []


async def test_hidden_folders_and_files_are_no_jobs(watcher: FileDropWatcher, root: Path) -> None:
    drop(root / ".hidden")
    (root / "readme.txt").touch()
    assert await settled(watcher, root) == []


async def test_a_name_no_job_can_have_is_refused_once(watcher: FileDropWatcher, root: Path) -> None:
    drop(root / "two..dots")
    refused = await report(watcher)
    assert refused == NameRefused(TRIGGERED, "two..dots", "it holds two dots in a row")
    drop(root / "two..dots", "again")
    assert await settled(watcher, root) == []


async def test_a_link_is_reported_and_what_it_leads_to_is_not_watched(
    watcher: FileDropWatcher, root: Path, tmp_path: Path
) -> None:
    drop(tmp_path / "elsewhere")
    drop(root / "job")
    (root / "job" / "link").symlink_to(tmp_path / "elsewhere")
    assert await report(watcher) == CHANGED
    drop(tmp_path / "elsewhere", "changed")
    assert await settled(watcher, root) == []


@both_ways
async def test_a_folder_of_jobs_that_is_away_for_a_while_changes_nothing(
    watcher: FileDropWatcher, site: Site, root: Path
) -> None:
    drop(root / "job")
    assert await report(watcher) == CHANGED
    app_data = root.parent.parent
    app_data.rename(app_data.with_name("away"))
    await eventually(lambda: not watcher.is_watching)
    app_data.with_name("away").rename(app_data)
    await eventually(lambda: watcher.is_watching)
    assert await settled(watcher, root) == []
    drop(root / "job", "edited after its return")
    assert await report(watcher) == CHANGED


@both_ways
async def test_folders_that_cannot_be_read_for_a_while_change_nothing(
    watcher: FileDropWatcher, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share whose server was restarted is there, and answers each look into it with an error."""
    drop(root / "job")
    assert await report(watcher) == CHANGED
    failures = 0

    def fail(_path: Path) -> bool:
        nonlocal failures
        failures += 1
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with capture_logs() as lines:
        with monkeypatch.context() as away:
            away.setattr(Path, "is_symlink", fail)
            drop(root / "job", "edited meanwhile")
            await eventually(lambda: failures >= 3)
        assert await report(watcher) == CHANGED
        assert await settled(watcher, root) == []
    logged = [line["event"] for line in lines if line["event"].startswith("folders of jobs")]
    assert logged == ["folders of jobs unavailable", "folders of jobs available again"]


@both_ways
async def test_a_note_that_cannot_be_removed_for_a_while_does_not_make_its_job_a_removed_one(
    watcher: FileDropWatcher, site: Site, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root / "job")
    note_version(site, TRIGGERED, JOB, "1", {}, False)
    assert await report(watcher) == CHANGED
    failures = 0

    def fail(*_job: object) -> None:
        nonlocal failures
        failures += 1
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with monkeypatch.context() as away:
        away.setattr(file_drop, "remove_note", fail)
        root.rename(root.with_name("lost"))
        await eventually(lambda: not watcher.is_watching)
        root.mkdir()
        await eventually(lambda: failures >= 2)
        assert watcher.reports.empty()
    assert await report(watcher) == GONE
    assert read_note(site, TRIGGERED, JOB) is None


@both_ways
async def test_that_a_folder_of_jobs_is_another_one_is_taken_in_once_the_notes_can_be_read(
    watcher: FileDropWatcher, site: Site, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root / "job")
    note_version(site, TRIGGERED, JOB, "1", {}, False)
    assert await report(watcher) == CHANGED
    failures = 0

    def fail(*_type: object) -> frozenset[str]:
        nonlocal failures
        failures += 1
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with monkeypatch.context() as away:
        away.setattr(Site, "known_jobs", fail)
        root.rename(root.with_name("lost"))
        root.mkdir()
        await eventually(lambda: failures >= 2)
    assert await report(watcher) == GONE
    assert read_note(site, TRIGGERED, JOB) is None


@both_ways
async def test_a_job_that_does_not_come_back_with_its_folder_is_forgotten_and_not_removed(
    watcher: FileDropWatcher, site: Site, root: Path
) -> None:
    drop(root / "job")
    note_version(site, TRIGGERED, JOB, "1", {}, False)
    assert await report(watcher) == CHANGED
    root.rename(root.with_name("lost"))
    await eventually(lambda: not watcher.is_watching)
    root.mkdir()
    assert await report(watcher) == GONE
    assert read_note(site, TRIGGERED, JOB) is None


@both_ways
@pytest.mark.parametrize(
    "spelling", ["App_Data/jobs/triggered", "APP_DATA/Jobs/Triggered", "app_data/JOBS/TRIGGERED"]
)
async def test_another_spelling_of_the_folder_of_jobs_is_watched_from_its_appearance(
    watcher: FileDropWatcher, site: Site, spelling: str
) -> None:
    other = site.root / "site" / "wwwroot" / spelling
    drop(other / "job")
    assert await report(watcher) == CHANGED
    assert site.job_folder(TRIGGERED, "job") == other / "job"
    drop(other / "job", "edited")
    assert await report(watcher) == CHANGED
    drop(other / "second")
    assert await report(watcher) == FolderChanged(TRIGGERED, JobName("second"))
    shutil.rmtree(other / "job")
    shutil.rmtree(other / "second")
    found = {type(await report(watcher)) for _ in range(2)}
    assert found == {FolderGone}


async def test_jobs_in_a_folder_that_appears_step_by_step_are_found(
    watcher: FileDropWatcher, site: Site, root: Path
) -> None:
    folder = site.root / "site" / "wwwroot"
    for name in ("App_Data", "Jobs", "Triggered"):
        folder = folder / name
        folder.mkdir()
        assert await settled(watcher, root) == []
    drop(folder / "job")
    assert await report(watcher) == CHANGED


class _NoMoreWatches(Inotify):
    """A kernel whose limit of watches is reached at once."""

    def watch(self, folder: Path) -> None:
        raise OSError(28, "No space left on device")


class _LosesNotices(Inotify):
    """A kernel whose queue of notices ran over: it tells that, and nothing else."""

    def notices(self) -> Iterator[Notice]:
        if any(True for _ in super().notices()):
            yield Notice(None, "")


@pytest.mark.parametrize("kernel", [_NoMoreWatches, _LosesNotices])
async def test_where_the_kernel_fails_jobs_are_found_by_looking(
    site: Site, root: Path, monkeypatch: pytest.MonkeyPatch, kernel: type
) -> None:
    monkeypatch.setattr(folder_notices, "Inotify", kernel)
    async with watching(FileDropWatcher(site, quiet_seconds=QUIET, poll_seconds=0.1)) as watcher:
        drop(root / "job")
        assert await report(watcher) == CHANGED
        drop(root / "job", "edited")
        assert await report(watcher) == CHANGED


async def test_nothing_is_done_while_nothing_happens(
    site: Site, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        drop(root / f"job{number}")
    async with watching(FileDropWatcher(site, quiet_seconds=QUIET)) as watcher:
        await settled(watcher, root)
        wakes = 0
        original: Callable[..., object] = FileDropWatcher._check_roots

        def counted(self: FileDropWatcher) -> object:
            nonlocal wakes
            wakes += 1
            return original(self)

        monkeypatch.setattr(FileDropWatcher, "_check_roots", counted)
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher.reports.get(), 1)
        assert wakes <= 1
