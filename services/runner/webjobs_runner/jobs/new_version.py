"""Reads a folder that is about to become a version of a job."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from webjobs_events.event_settings import shown_settings
from webjobs_events.job import JobDependencies, JobVersion
from webjobs_events.redaction import env_digest
from webjobs_rules.job_folder import choose_in_folder
from webjobs_rules.left_out import left_out_warnings
from webjobs_rules.script import ChosenScript, doubt

from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import scan_folder
from webjobs_runner.files.readme import readme_of
from webjobs_runner.files.script_file import cleaning_of, is_program, shebang_of
from webjobs_runner.files.text_search import mentions_shutdown_file
from webjobs_runner.processes.script_programs import ScriptPrograms


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a folder says about the version that it becomes.

    Attributes:
        manifest: Its files.
        script: Path of the script.
        host: Name of the script host.
        watches_shutdown_file: Whether a file mentions WEBJOBS_SHUTDOWN_FILE.
        readme: Text of its readme; empty when there is none.
        warnings: Sentences about the files.
    """

    manifest: Manifest
    script: str
    host: str
    watches_shutdown_file: bool
    readme: str
    warnings: Sequence[str]

    @property
    def digest(self) -> str:
        """Names the package."""
        return self.manifest.digest

    def deployed(
        self,
        settings: Mapping[str, Any],
        digest_key: str,
        dependencies: JobDependencies | None,
        *,
        at: datetime,
        by: str,
        instance_id: str,
    ) -> JobVersion:
        """Returns what the definition remembers of this version.

        Args:
            settings: Of the job, as it is deployed.
            digest_key: Of the definition, for the digest of `env`.
            dependencies: Of the files; None when they declare none.
            at: When it is deployed.
            by: Who asked for it, in words.
            instance_id: Of the runner that deploys it.
        """
        shown, names, is_abridged = shown_settings(settings)
        files = self.manifest.files
        return JobVersion(
            digest=self.digest,
            script=self.script,
            deployed_at=at,
            deployed_by=by,
            instance=instance_id,
            files=len(files) + len(self.manifest.links),
            size=sum(file.size for file in files),
            settings=shown,
            env_names=names,
            env_digest=env_digest(settings, digest_key),
            is_abridged=is_abridged,
            dependencies=dependencies,
        )


async def read_version(folder: Path, programs: ScriptPrograms, warnings: Sequence[str] = ()) -> NewVersion:
    """Read a folder, and choose its script.

    Args:
        folder: The files.
        programs: Of this runner.
        warnings: About the files, of what made the folder; an error about a missing script names them.

    Raises:
        NoRunnableScript, MissingInterpreter: It has no script this runner could run.
        FolderRefused, FolderChangedMeanwhile: It cannot be read whole.
    """
    manifest = await asyncio.to_thread(scan_folder, folder)
    left_out = left_out_warnings(manifest.left_out)
    script, chosen = await asyncio.to_thread(_choose, manifest, folder, programs, warnings)
    paths = [file.path for file in manifest.files]
    watches = await asyncio.to_thread(mentions_shutdown_file, folder, paths)
    cleaning = await asyncio.to_thread(cleaning_of, folder, script)
    doubts = [each for each in (doubt(chosen), cleaning, *left_out) if each]
    readme = await asyncio.to_thread(readme_of, folder, paths)
    return NewVersion(manifest, script, chosen.host.name, watches, readme, doubts)


def _choose(
    manifest: Manifest, folder: Path, programs: ScriptPrograms, warnings: Sequence[str]
) -> tuple[str, ChosenScript]:
    return choose_in_folder(
        manifest.all_paths,
        manifest.readable_paths,
        manifest.left_out,
        programs.hosts,
        programs.is_available,
        lambda path: shebang_of(folder / path),
        lambda path: is_program(folder / path),
        warnings,
    )
