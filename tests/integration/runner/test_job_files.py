"""Job folders on disk: versions come and go whole, whatever interrupts."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from webjobs_rules.errors import FolderRefused
from webjobs_rules.job import JobName, JobType
from webjobs_runner.deploy_errors import JobsFolderMissing, OutsideSite, PackageDamaged
from webjobs_runner.files import folder_swap, job_files
from webjobs_runner.files.folder_note import read_note
from webjobs_runner.files.job_files import (
    apply_settings,
    clean_up,
    inspect_folder,
    install_version,
    note_version,
    remove_job,
)
from webjobs_runner.files.job_lock import job_lock
from webjobs_runner.files.package import scan_folder, write_package
from webjobs_runner.files.site import STAGING, Site

JOB = JobName("job")
TRIGGERED = JobType.TRIGGERED


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it is run."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "data")
    site.ensure()
    return site


def package(site: Site, name: str, **files: str) -> tuple[Path, str]:
    source = site.root.parent / f"source-{name}"
    source.mkdir()
    for file_name, content in files.items():
        (source / file_name.replace("_", ".")).write_text(content)
    manifest = scan_folder(source)
    target = site.root.parent / f"{name}.package"
    write_package(source, manifest, target)
    return target, manifest.digest


def install(
    site: Site, version: tuple[Path, str], settings: dict[str, Any] | None = None, disabled: bool = False
) -> bool:
    return install_version(site, TRIGGERED, JOB, *version, settings or {}, disabled).swapped


def content(site: Site) -> dict[str, str]:
    folder = site.job_folder(TRIGGERED, JOB)
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_a_version_is_installed_with_its_settings_and_replaced_by_another(site: Site) -> None:
    assert install(site, package(site, "1", run_sh="1", old_txt="old"), {"a": 1}, disabled=True)
    assert content(site) == {
        "run.sh": "1",
        "old.txt": "old",
        "settings.job": '{\n  "a": 1\n}\n',
        "disable.job": "",
    }
    assert install(site, package(site, "2", run_sh="2"))
    assert content(site) == {"run.sh": "2"}
    assert not any((site.job_folder(TRIGGERED, JOB).parent / STAGING).iterdir())


def test_a_version_that_is_there_is_not_exchanged(site: Site) -> None:
    version = package(site, "1", run_sh="1")
    install(site, version)
    script = site.job_folder(TRIGGERED, JOB) / "run.sh"
    before = script.stat()
    assert not install(site, version, {"a": 1})
    after = script.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert "settings.job" in content(site)


def test_two_runners_of_one_site_install_a_version_once(site: Site) -> None:
    version = package(site, "1", run_sh="1")
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(install(site, version))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]


def test_a_damaged_package_leaves_the_version_before(site: Site) -> None:
    install(site, package(site, "1", run_sh="1"))
    path, _ = package(site, "2", run_sh="2")
    with pytest.raises(PackageDamaged, match="its content is version"):
        install(site, (path, "0" * 64))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(PackageDamaged):
        install(site, (path, "0" * 64))
    assert content(site) == {"run.sh": "1"}
    assert inspect_folder(site, TRIGGERED, JOB).content is not None


def test_settings_change_without_touching_the_files(site: Site) -> None:
    install(site, package(site, "1", run_sh="1"))
    assert apply_settings(site, TRIGGERED, JOB, {"a": 1}, True)
    seen = inspect_folder(site, TRIGGERED, JOB)
    assert seen.content is not None and seen.note is not None
    assert (seen.content.settings, seen.content.disabled) == ({"a": 1}, True)
    assert (seen.note.settings, seen.note.disabled) == ({"a": 1}, True)
    assert not apply_settings(site, TRIGGERED, JobName("absent"), {}, True)


def test_a_removed_job_leaves_nothing_and_may_be_removed_again(site: Site) -> None:
    install(site, package(site, "1", run_sh="1"))
    data = site.data_folder(TRIGGERED, JOB)
    (data / "1").mkdir(parents=True)
    remove_job(site, TRIGGERED, JOB, with_data=False)
    assert inspect_folder(site, TRIGGERED, JOB) == job_files.InspectedFolder(
        site.job_folder(TRIGGERED, JOB), None, None
    )
    assert data.exists()
    remove_job(site, TRIGGERED, JOB, with_data=True)
    assert not data.exists()


def test_an_inspected_folder_tells_what_a_person_did(site: Site) -> None:
    assert inspect_folder(site, TRIGGERED, JOB).content is None
    version = package(site, "1", run_sh="1")
    install(site, version)
    folder = site.job_folder(TRIGGERED, JOB)
    (folder / "run.sh").write_text("edited")
    (folder / "settings.job").write_text("{")
    seen = inspect_folder(site, TRIGGERED, JOB)
    assert seen.content is not None and seen.note is not None and seen.settings_fault is not None
    assert seen.content.digest != version[1]
    assert seen.content.settings is None
    assert seen.note.known.digests == {version[1]}
    note_version(site, TRIGGERED, JOB, seen.content.digest, {}, False)
    again = inspect_folder(site, TRIGGERED, JOB)
    assert again.note is not None and again.note.digest == seen.content.digest


def test_a_folder_without_files_is_no_job(site: Site) -> None:
    site.job_folder(TRIGGERED, JOB).mkdir()
    (site.job_folder(TRIGGERED, JOB) / "disable.job").touch()
    assert inspect_folder(site, TRIGGERED, JOB).content is None


def test_files_that_cannot_have_changed_are_not_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, package(site, "1", run_sh="1"))
    note = read_note(site, TRIGGERED, JOB)
    assert note is not None
    reads: list[Path] = []
    monkeypatch.setattr(job_files, "scan_folder", lambda folder: reads.append(folder) or scan_folder(folder))
    inspect_folder(site, TRIGGERED, JOB)
    inspect_folder(site, TRIGGERED, JOB)
    assert len(reads) == 2, "a look so soon after the change proves nothing"
    monkeypatch.setattr(job_files.time, "time_ns", lambda: 2**63)
    inspect_folder(site, TRIGGERED, JOB)
    inspect_folder(site, TRIGGERED, JOB)
    assert len(reads) == 3
    (site.job_folder(TRIGGERED, JOB) / "run.sh").write_text("2")
    inspect_folder(site, TRIGGERED, JOB)
    assert len(reads) == 4


def test_while_the_folder_of_jobs_is_away_no_job_is_gone(site: Site) -> None:
    install(site, package(site, "1", run_sh="1"))
    root = site.jobs_roots(TRIGGERED)[0]
    root.rename(root.with_name("away"))
    with pytest.raises(JobsFolderMissing):
        inspect_folder(site, TRIGGERED, JOB)


def test_a_link_in_the_place_of_a_job_is_not_followed(site: Site, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "run.sh").touch()
    link = site.job_folder(TRIGGERED, JOB)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutsideSite):
        inspect_folder(site, TRIGGERED, JOB)
    link.unlink()
    (site.root / "inside").mkdir()
    link.symlink_to(site.root / "inside")
    with pytest.raises(FolderRefused, match="is a link"):
        inspect_folder(site, TRIGGERED, JOB)
    install(site, package(site, "1", run_sh="1"))
    assert not site.job_folder(TRIGGERED, JOB).is_symlink()
    assert (site.root / "inside").exists()


def test_an_app_data_of_another_spelling_is_used(tmp_path: Path) -> None:
    (tmp_path / "site" / "wwwroot" / "App_Data").mkdir(parents=True)
    site = Site(tmp_path)
    site.ensure()
    assert "App_Data" in str(site.job_folder(TRIGGERED, JOB))
    assert not (tmp_path / "site" / "wwwroot" / "app_data").exists()


def test_with_both_spellings_jobs_stay_where_they_are_and_new_ones_go_to_app_data(site: Site) -> None:
    old = site.root / "site" / "wwwroot" / "App_Data" / "jobs" / "triggered" / "old"
    old.mkdir(parents=True)
    assert site.job_folder(TRIGGERED, "old") == old
    assert "app_data" in str(site.job_folder(TRIGGERED, "new"))
    (site.jobs_roots(TRIGGERED)[0] / "old").mkdir()
    assert "app_data" in str(site.job_folder(TRIGGERED, "old"))
    remove_job(site, TRIGGERED, JobName("old"), with_data=False)
    assert not site.job_folders(TRIGGERED, "old")


def test_jobs_come_back_when_the_whole_folder_of_jobs_had_to_be_made_anew(site: Site) -> None:
    install(site, package(site, "1", run_sh="1"))
    root = site.jobs_roots(TRIGGERED)[0]
    root.rename(root.with_name("lost"))
    site.ensure()
    assert read_note(site, TRIGGERED, JOB) is None


def test_the_state_of_a_runner_is_its_own(site: Site) -> None:
    folder = site.runner_state("abc123")
    assert folder.stat().st_mode & 0o777 == 0o700


def kill_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, call: int, when: str) -> None:
    """Make the process 'die' right before or after the given call: not even `finally` mends anything."""
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise Killed
        answer = original(*arguments, **named)
        if calls == call and when == "after":
            raise Killed
        return answer

    monkeypatch.setattr(owner, name, dying)
    monkeypatch.setattr(folder_swap.Staging, "recover", lambda staging: None)


@pytest.mark.parametrize("first", [False, True], ids=["over-a-version", "first-version"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("unpack_package", job_files),
        ("write_definition_files", job_files),
        ("write_note", job_files),
        ("flush_disk", folder_swap),
        ("swap_folders", folder_swap),
        ("rename", Path),
    ],
)
@pytest.mark.parametrize("can_swap", [True, False], ids=["one-step", "two-renames"])
def test_a_kill_at_any_point_leaves_one_version_whole(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    owner: object,
    call: int,
    when: str,
    can_swap: bool,
    first: bool,
) -> None:
    old, new = package(site, "1", run_sh="1", one_txt="1"), package(site, "2", run_sh="2", two_txt="2")
    if not first:
        install(site, old)
    with monkeypatch.context() as patched:
        if not can_swap:
            patched.setattr(folder_swap, "swap_folders", lambda one, other: False)
        kill_at(patched, owner, name, call, when)
        with suppress(Killed):
            install(site, new)
    clean_up(site)
    seen = inspect_folder(site, TRIGGERED, JOB)
    allowed = {new[1], None if first else old[1]}
    assert (seen.content.digest if seen.content else None) in allowed
    assert not any((site.jobs_roots(TRIGGERED)[0] / STAGING).iterdir())
    if seen.content is not None:
        assert seen.note is not None
        assert seen.content.digest in seen.note.known.digests, "it would be taken for a person's edit"
    install(site, new)
    assert content(site) == {"run.sh": "2", "two.txt": "2"}


def test_a_process_killed_with_the_lock_frees_it(site: Site) -> None:
    code = """
import sys, time
from pathlib import Path
from webjobs_events.job import JobType
from webjobs_runner.files.job_lock import job_lock
from webjobs_runner.files.site import Site
with job_lock(Site(Path(sys.argv[1])), JobType.TRIGGERED, "job"):
    print("held", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(site.root)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
        finally:
            holder.kill()
    with job_lock(site, TRIGGERED, JOB):
        pass


def test_a_longest_job_name_has_room_for_its_staging(site: Site) -> None:
    name = JobName("é" * 127)
    version = package(site, "1", run_sh="1")
    install_version(site, TRIGGERED, name, *version, {}, False)
    install_version(site, TRIGGERED, name, *package(site, "2", run_sh="2"), {}, False)
    assert os.listdir(site.job_folder(TRIGGERED, name)) == ["run.sh"]
