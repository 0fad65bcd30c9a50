"""Finds the jobs of an Azure site in a copy of its folder, or in an archive of it."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from webjobs_client.models import JobType
from webjobs_rules.azure_run import is_run_id
from webjobs_rules.litter import is_litter

from webjobs_cli.errors import CommandError
from webjobs_cli.shapes.azure_import import SkippedPart

_TYPES: tuple[JobType, ...] = ("triggered", "continuous")
# Where jobs are below a home, a `site`, a `wwwroot` and a `jobs` folder. The first that has a job counts.
_JOB_FOLDERS = (
    "site/wwwroot/app_data/jobs",
    "wwwroot/app_data/jobs",
    "app_data/jobs",
    "site/jobs",
    "jobs",
    "",
)
_MOST_DESCENDED = 3  # folders that hold one folder and nothing else, as archives of a folder have them
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AzureJob:
    """A job of the site.

    Attributes:
        type: Triggered or continuous.
        name: That of its folder.
        folder: With its files.
        data: Its folder below `data/jobs`; None without one.
    """

    type: JobType
    name: str
    folder: Path
    data: Path | None

    @property
    def run_folders(self) -> dict[str, Path]:
        """The folders of its runs by their ids, oldest first."""
        if self.type != "triggered" or self.data is None:
            return {}
        return {each.name: each for each in _folders(self.data) if is_run_id(each.name)}


@dataclass(frozen=True, slots=True)
class AzureSite:
    """What was found.

    Attributes:
        jobs: By type and name.
        has_data: Whether there is a folder with the history of jobs.
        skipped: What is no job, and why.
    """

    jobs: list[AzureJob]
    has_data: bool
    skipped: list[SkippedPart] = field(default_factory=list)


@contextmanager
def opened_site(path: Path) -> Iterator[AzureSite]:
    """The site in a folder, or in a zip archive that is unpacked for so long.

    Raises:
        CommandError: There is none.
    """
    if not path.exists():
        raise CommandError("no_such_path", f"There is no file or folder {str(path)!r}.", exit_code=2)
    if path.is_dir() and not _has_backslashes(path):
        yield _found(path)
        return
    with tempfile.TemporaryDirectory(prefix="webjobs-import-") as unpacked:
        target = Path(unpacked)
        skipped = _unpacked(path, target) if path.is_file() else _copied(path, target)
        site = _found(target, path)
        yield AzureSite(site.jobs, site.has_data, [*skipped, *site.skipped])


def below(folder: Path, path: str) -> Path | None:
    """The folder of this path in any letter case; None when there is none."""
    for part in PurePosixPath(path).parts:
        if part == "..":
            folder = folder.parent
            continue
        found = next((each for each in _folders(folder) if each.name.lower() == part), None)
        if found is None:
            return None
        folder = found
    return folder


def _found(folder: Path, given: Path | None = None) -> AzureSite:
    root = folder.resolve()
    for _ in range(_MOST_DESCENDED + 1):
        roots = [found for each in _JOB_FOLDERS if (found := below(root, each)) and _has_types(found)]
        if roots:
            break
        entries = [each for each in root.iterdir() if not is_litter(each.name)]
        if len(entries) != 1 or not entries[0].is_dir():
            break
        root = entries[0]
    if not roots:
        raise CommandError(
            "no_jobs",
            f"{str(given or folder)!r} holds no jobs of Azure.",
            "Give the folder with site/ and data/, or App_Data/jobs, or a zip archive of one of them.",
            exit_code=2,
        )
    places = ("data/jobs", "../data/jobs") if root.name.lower() == "site" else ("data/jobs",)
    data = next((found for each in places if (found := below(root, each))), None)
    return _site(roots, data)


def _site(roots: list[Path], data: Path | None) -> AzureSite:
    jobs: dict[tuple[JobType, str], AzureJob] = {}
    skipped = []
    for root in roots:
        for job_type in _TYPES:
            of_type = below(root, job_type)
            for entry in sorted(of_type.iterdir() if of_type else (), key=lambda each: each.name):
                where = f"{job_type}/{entry.name}"
                if is_litter(entry.name) or is_litter(f"{entry.name}/"):
                    continue
                if entry.is_symlink() or not entry.is_dir():
                    skipped.append(SkippedPart(where, "It is no folder, and a job is one."))
                elif (job_type, entry.name.lower()) not in jobs:  # those of site/jobs stand back, as in Azure
                    found = below(data, f"{job_type}/{entry.name.lower()}") if data else None
                    jobs[job_type, entry.name.lower()] = AzureJob(job_type, entry.name, entry, found)
    for job_type in _TYPES:
        for entry in _folders(below(data, job_type) if data else None):
            if (job_type, entry.name.lower()) not in jobs:
                reason = "The job's files are gone, and its history is of no job."
                skipped.append(SkippedPart(f"data/jobs/{job_type}/{entry.name}", reason))
    return AzureSite(list(jobs.values()), data is not None, skipped)


def _has_types(folder: Path) -> bool:
    return any(below(folder, each) for each in _TYPES)


def _folders(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())
    except OSError as error:
        raise CommandError("unreadable_file", f"{str(folder)!r} cannot be read: {error.strerror}.") from error


def _has_backslashes(folder: Path) -> bool:
    """Whether names hold the paths of Windows, as a careless unpacker leaves them."""
    return any("\\" in entry.name for entry in folder.iterdir())


def _unpacked(archive: Path, target: Path) -> list[SkippedPart]:
    """Unpack what belongs to jobs; returns what was not taken."""
    skipped = []
    try:
        with zipfile.ZipFile(archive) as package:
            infos = [each for each in package.infolist() if _is_of_jobs(each.filename) and not each.is_dir()]
            needed, free = sum(each.file_size for each in infos), shutil.disk_usage(target).free
            if needed > free:
                raise CommandError(
                    "no_space", f"The archive unpacks to {needed:,} bytes, and {free:,} are free in {target}."
                )
            for info in infos:
                path = _safe(info.filename)
                if path is None:
                    skipped.append(SkippedPart(info.filename[:200], "Its path leads out of the archive."))
                    continue
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with package.open(info) as source, place.open("wb") as sink:
                    shutil.copyfileobj(source, sink, _CHUNK)
                if info.create_system == 3 and (info.external_attr >> 16) & 0o100:
                    place.chmod(0o755)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CommandError(
            "bad_archive", f"{str(archive)!r} is no zip archive that can be read: {error}.", exit_code=2
        ) from error
    except OSError as error:
        raise CommandError("unreadable_file", f"{str(archive)!r} cannot be unpacked: {error}.") from error
    return skipped


def _copied(folder: Path, target: Path) -> list[SkippedPart]:
    r"""Copy a folder in whose names `\` separates parts; returns what was not taken."""
    skipped = []
    for above, _, names in os.walk(folder):
        for name in names:
            source = Path(above, name)
            path = _safe(source.relative_to(folder).as_posix())
            if path is None:
                skipped.append(SkippedPart(name[:200], "Its path leads out of the folder."))
            elif source.is_file() and not source.is_symlink():
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
    return skipped


def _is_of_jobs(name: str) -> bool:
    parts = name.replace("\\", "/").lower().split("/")
    return any(each in parts[:-1] for each in _TYPES)


def _safe(name: str) -> str | None:
    parts = [each for each in name.replace("\\", "/").split("/") if each not in ("", ".")]
    is_safe = parts and ".." not in parts and ":" not in parts[0] and "\0" not in name
    return "/".join(parts) if is_safe else None
