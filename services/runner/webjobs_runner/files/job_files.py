"""Job folders on disk: install a version, change its settings, remove it, see what is there.

Everything here blocks, takes the job's lock, and keeps the note that separates a person's edit from our own
doing. A process killed at any point leaves the old version or the new one complete, never none.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import FolderRefused, InvalidJobSettings
from webjobs_rules.job import JobName, JobType

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, JobsFolderMissing, PackageDamaged
from webjobs_runner.domain.folder_diff import FolderContent
from webjobs_runner.files.definition_files import (
    is_disabled,
    read_settings,
    settings_version,
    settings_warnings,
    write_definition_files,
)
from webjobs_runner.files.folder_note import (
    FolderNote,
    read_note,
    remove_note,
    remove_unfinished_notes,
    write_note,
)
from webjobs_runner.files.folder_swap import Staging
from webjobs_runner.files.folder_walk import Snapshot, snapshot_folder
from webjobs_runner.files.job_lock import job_lock
from webjobs_runner.files.package import scan_folder, unpack_package
from webjobs_runner.files.site import STAGING, Site
from webjobs_runner.log import logger


@dataclass(frozen=True, slots=True)
class InspectedFolder:
    """A job's folder as it is, beside what is known of it.

    Attributes:
        folder: Where it is, or would be.
        content: None when there is no folder, or no file in it.
        note: None when this site never installed or packaged the job.
        snapshot: How the folder looked then; None when there is none.
        settings_fault: What is wrong with its `settings.job`; None when nothing is.
        settings_version: Names the saved file when something is wrong with it.
        settings_warnings: About how its `settings.job` is written.
    """

    folder: Path
    content: FolderContent | None
    note: FolderNote | None
    snapshot: Snapshot | None = None
    settings_fault: InvalidJobSettings | None = None
    settings_version: str = ""
    settings_warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Installation:
    """A version in a job's folder.

    Attributes:
        folder: The job's.
        swapped: Whether files were exchanged; False when the folder held the version before.
        snapshot: How the folder looks with it.
    """

    folder: Path
    swapped: bool
    snapshot: Snapshot | None


def inspect_folder(site: Site, job_type: JobType, job_name: JobName) -> InspectedFolder:
    """Look at a job's folder, reading its files only when they may have changed since the last look.

    Raises:
        FolderRefused: It holds what no package can carry.
        FolderChangedMeanwhile: It was written to meanwhile; ask again when it is quiet.
        OutsideSite: A link leads out of the site folder.
        JobsFolderMissing: The folder of all jobs is away, which says nothing about this one.
    """
    with job_lock(site, job_type, job_name):
        folder = site.job_folder(job_type, job_name)
        looked_at_ns = time.time_ns()
        snapshot = snapshot_folder(folder)
        digest = _digest(site, job_type, job_name, folder, snapshot, looked_at_ns)
        note = read_note(site, job_type, job_name)
        if digest is None:
            if not site.present_roots(job_type):
                raise JobsFolderMissing(folder.parent)
            return InspectedFolder(folder, None, note, snapshot)
        fault, refused = None, ""
        settings: Mapping[str, Any] | None = None
        try:
            settings = read_settings(folder, job_type)
        except InvalidJobSettings as found:
            fault, refused = found, settings_version(folder)
        content = FolderContent(digest, settings, is_disabled(folder))
        warnings = tuple(settings_warnings(folder))
        return InspectedFolder(folder, content, note, snapshot, fault, refused, warnings)


def _digest(
    site: Site,
    job_type: JobType,
    job_name: JobName,
    folder: Path,
    snapshot: Snapshot | None,
    looked_at_ns: int,
) -> str | None:
    """The digest of the folder's files, which look like this; None when there are none."""
    if snapshot is None:
        return None
    note = read_note(site, job_type, job_name)
    if note is not None and note.vouches_for(snapshot):
        return note.digest
    manifest = scan_folder(folder)
    if snapshot_folder(folder) != snapshot:
        raise FolderChangedMeanwhile(folder, "Something")
    if note is not None and manifest.digest == note.digest:
        seen = replace(note, fingerprint=snapshot.fingerprint, looked_at_ns=looked_at_ns)
        write_note(site, job_type, job_name, seen)
    return manifest.digest if manifest.is_something else None


def install_version(
    site: Site,
    job_type: JobType,
    job_name: JobName,
    package: Path,
    digest: str,
    settings: Mapping[str, Any],
    disabled: bool,
    *,
    cause: str = "",
    decided_on: InspectedFolder | None = None,
) -> Installation:
    """Make a packaged version the content of the job's folder.

    The version is unpacked beside the folder and put in its place at one stroke. A folder that holds
    this version already, perhaps installed by another runner of the same site, keeps its files.
    `cause` is that of the definition, `decided_on` the folder when the installation was decided.

    Raises:
        FolderChangedMeanwhile: Another runner of the same site has worked on the folder since then, so
            that a folder which is missing now may have been removed by a person.
        PackageDamaged: The package is not the version its name says; the folder is untouched.
        OutsideSite: A link leads out of the site folder.
    """
    with job_lock(site, job_type, job_name):
        if decided_on is not None:
            _check_unnoted(site, job_type, job_name, decided_on)
        staging = Staging(site.job_folder(job_type, job_name))
        staging.prepare()
        try:
            swapped = not _holds(site, job_type, job_name, staging.folder, digest)
            if swapped:
                _stage(staging, package, digest)
                write_definition_files(staging.new, settings, disabled, staging.scratch)
                _note_beginning(site, job_type, job_name, digest)
                snapshot = snapshot_folder(staging.new)  # what a person edits in its place looks different
                staging.put_in_place()
            else:
                write_definition_files(staging.folder, settings, disabled, staging.scratch)
                snapshot = snapshot_folder(staging.folder)
            note_version(site, job_type, job_name, digest, settings, disabled, cause=cause)
        finally:
            staging.recover()
    return Installation(staging.folder, swapped, snapshot)


def _check_unnoted(site: Site, job_type: JobType, job_name: JobName, decided_on: InspectedFolder) -> None:
    """Raise `FolderChangedMeanwhile` unless the note is as it was when the folder was inspected."""
    note = read_note(site, job_type, job_name)
    if note is not decided_on.note and (note is None or not note.is_same_state(decided_on.note)):
        raise FolderChangedMeanwhile(decided_on.folder, "The installed version")


def _holds(site: Site, job_type: JobType, job_name: JobName, folder: Path, digest: str) -> bool:
    try:
        looked_at_ns = time.time_ns()
        return _digest(site, job_type, job_name, folder, snapshot_folder(folder), looked_at_ns) == digest
    except (FolderRefused, FolderChangedMeanwhile):
        return False


def _stage(staging: Staging, package: Path, digest: str) -> None:
    found = unpack_package(package, staging.new).digest
    if found != digest:
        raise PackageDamaged(package, f"its content is version {found[:12]}")


def _note_beginning(site: Site, job_type: JobType, job_name: JobName, digest: str) -> None:
    """Say what is about to be there, so that a crash after the swap does not look like a person's edit."""
    note = read_note(site, job_type, job_name) or FolderNote(digest="")
    write_note(site, job_type, job_name, replace(note, installing=digest))


def note_version(
    site: Site,
    job_type: JobType,
    job_name: JobName,
    digest: str,
    settings: Mapping[str, Any],
    disabled: bool,
    *,
    cause: str = "",
) -> None:
    """Note what the folder holds, after a dropped folder was packaged and its definition written.

    Settings and disable mark are those found in the folder, not those of the definition: where the two
    differ, the folder is the one that is to follow.
    """
    note = FolderNote(digest=digest, cause=cause).saying(settings, disabled)
    write_note(site, job_type, job_name, note)


def note_definition(site: Site, definition: JobDefinition, inspected: InspectedFolder) -> None:
    """Note that the inspected folder agrees with a definition, unless the note has changed since then.

    Files and settings are noted as well: the folder may have come to them by itself, when the same edit was
    made here and elsewhere. What is not noted would be taken for a person's edit later.
    """
    key = definition.job_type, definition.job_name
    with job_lock(site, *key):
        note = read_note(site, *key)
        is_known = note is not None and note.is_same_state(inspected.note)
        if not is_known and (note is not None or inspected.note is not None):
            return
        if note is None or note.digest != definition.digest:
            note = FolderNote(digest=definition.digest, digest_key=note.digest_key if note else "")
        note = replace(note, installing=None, cause=definition.cause)
        write_note(site, *key, note.saying(definition.settings, definition.disabled))


def forget_version(site: Site, job_type: JobType, job_name: str) -> None:
    """Remove the note: what is left in the folder was never installed, and belongs to a person."""
    with job_lock(site, job_type, job_name):
        remove_note(site, job_type, job_name)


def apply_settings(
    site: Site,
    job_type: JobType,
    job_name: JobName,
    settings: Mapping[str, Any],
    disabled: bool,
    *,
    cause: str = "",
) -> Snapshot | None:
    """Make the folder's `settings.job` and `disable.job` say this; returns how it looks then.

    None when there is no folder.
    """
    with job_lock(site, job_type, job_name):
        staging = Staging(site.job_folder(job_type, job_name))
        staging.prepare()
        try:
            if not staging.folder.is_dir():
                return None
            write_definition_files(staging.folder, settings, disabled, staging.scratch)
            note = read_note(site, job_type, job_name)
            if note is not None:
                written = replace(note.saying(settings, disabled), cause=cause)
                write_note(site, job_type, job_name, written)
            return snapshot_folder(staging.folder)
        finally:
            staging.recover()


def remove_job(site: Site, job_type: JobType, job_name: JobName, with_data: bool) -> None:
    """Remove a job's folder and, when asked, its runs and logs; what is absent already is no fault."""
    with job_lock(site, job_type, job_name):
        for folder in site.job_folders(job_type, job_name):
            staging = Staging(folder)
            staging.prepare()
            staging.take_away()
        remove_note(site, job_type, job_name)
        if with_data:
            shutil.rmtree(site.inside(site.data_folder(job_type, job_name)), ignore_errors=True)


def clean_up(site: Site) -> None:
    """Finish or take back what a crash interrupted; run once at start, before anything is watched."""
    for job_type in JobType:
        for root in site.jobs_roots(job_type):
            for left_over in _children(root / STAGING):
                with job_lock(site, job_type, left_over.name):
                    Staging(root / left_over.name).recover()
                logger.info("an interrupted change of a job's files was completed", job=left_over.name)
        remove_unfinished_notes(site, job_type)


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
