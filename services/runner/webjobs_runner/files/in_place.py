"""Distinguishes files that a job adds to its own folder from changes by a person."""

from collections.abc import Collection
from pathlib import Path

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.errors import FolderRefused, InvalidJobSettings
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import JobSettings, read_job_settings

from webjobs_runner.deploy_errors import FolderChangedMeanwhile
from webjobs_runner.files.manifest import PackagedFile, PackagedLink
from webjobs_runner.files.package import scan_folder


class VersionFiles(msgspec.Struct, frozen=True):
    """The files of a version, as they were when nothing had been added."""

    digest: str
    files: list[PackagedFile]
    links: list[PackagedLink] = []


_decoder = msgspec.json.Decoder(VersionFiles)


def runs_in_place(definition: JobDefinition) -> bool:
    """Whether the job's script runs in the job's folder; settings that cannot be read ask for nothing.

    Packages of Node.js are linked beside the script, which is done in a working copy only.
    """
    if definition.dependencies is not None and definition.dependencies.kind.is_node:
        return False
    try:
        settings = read_job_settings(definition.settings)
    except InvalidJobSettings:
        settings = JobSettings()
    return settings.runs_in_place(definition.script)


class InPlaceFiles:
    """Remembers the files of each such job's version; everything here blocks.

    A job that writes a file beside its script has not become another version: without this it would be
    deployed again, and restarted, for ever. A change of a file that came with the version counts.

    Args:
        folder: The runner's own, for a small file a job.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def remember(self, definition: JobDefinition, folder: Path) -> None:
        """Take the folder's files for the version's, if that is what they are."""
        try:
            key = definition.job_type, definition.job_name
            if self._known(key).digest == definition.digest:
                return
            manifest = scan_folder(folder)
        except (FolderRefused, FolderChangedMeanwhile, FileNotFoundError):
            return
        if manifest.digest == definition.digest:
            files = VersionFiles(manifest.digest, list(manifest.files), list(manifest.links))
            self._path(key).write_bytes(msgspec.json.encode(files))

    def files_of(self, definition: JobDefinition) -> list[str]:
        """Paths of the files and links of the definition's version, as far as remembered."""
        version = self._known((definition.job_type, definition.job_name))
        if version.digest != definition.digest:
            return []
        return [item.path for items in (version.files, version.links) for item in items]

    def version_beneath(
        self, key: tuple[JobType, JobName], folder: Path, known: Collection[str]
    ) -> str | None:
        """The version that the folder still holds whole, with more files beside; None when it holds none.

        Args:
            key: The job.
            folder: The job's.
            known: Digests of the versions that may lie in it.
        """
        version = self._known(key)
        if version.digest not in known:
            return None
        try:
            found = scan_folder(folder)
        except (FolderRefused, FolderChangedMeanwhile):
            return None
        is_whole = set(found.files) >= set(version.files) and set(found.links) >= set(version.links)
        return version.digest if is_whole else None

    def _known(self, key: tuple[JobType, JobName]) -> VersionFiles:
        try:
            return _decoder.decode(self._path(key).read_bytes())
        except (FileNotFoundError, *MALFORMED):
            return VersionFiles("", [])

    def _path(self, key: tuple[JobType, JobName]) -> Path:
        return self._folder / Subjects.definition_key(*key)[:250]
