"""Where everything lies in the site folder: jobs, their data, logs, and the runner's own state."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from webjobs_rules.job import JobType
from webjobs_rules.run_id import RunId

from webjobs_runner.deploy_errors import OutsideSite

APP_DATA = "app_data"
JOBS = "jobs"
STAGING = ".webjobs-staging"
"""Beside the job folders, so that a rename is enough to put a version in place; never a job's name."""


class Site:
    """The paths of one site folder; several runners may share it.

    `App_Data/Jobs/Triggered` and `app_data/jobs/triggered` are the same thing, in any letter case. The
    spelling found on disk is used; with more than one, jobs are read from all of them, a job stays where it
    lies, and a new one goes to the lower-case one. A job present in two is the one in lower case.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._wwwroot = self.root / "site" / "wwwroot"
        self._data = self.root / "data"
        self._job_data = {each: f"{self._data}/jobs/{each.value}" for each in JobType}

    def ensure(self) -> None:
        """Create what is missing.

        A folder of jobs that had to be created holds nothing that was ever noted about it: the notes
        are forgotten, so that jobs come back from their definitions instead of being taken for removed.
        """
        for job_type in JobType:
            root = self.jobs_roots(job_type)[0]
            if not root.is_dir():
                self.forget_jobs(job_type)
                self.inside(root).mkdir(parents=True, exist_ok=True)
            for folder in (
                self._notes(job_type),
                self._locks(job_type),
                self._data / "jobs" / job_type.value,
            ):
                self.inside(folder).mkdir(parents=True, exist_ok=True)
        self.inside(self.logs_folder).mkdir(parents=True, exist_ok=True)

    def inside(self, path: Path) -> Path:
        """The same path, once it is sure that no link leads out of the site folder.

        Raises:
            OutsideSite: A link on the way does.
        """
        if not self._is_inside(path):
            raise OutsideSite(path, self.root)
        return path

    def _is_inside(self, path: Path) -> bool:
        real = os.path.realpath(path)
        return real == str(self.root) or real.startswith(f"{self.root}/")

    def watched_parents(self) -> tuple[Path, ...]:
        """The folders above the job roots, whose renames move the roots."""
        app_data = _spellings([self._wwwroot], APP_DATA)
        return (self._wwwroot.parent, self._wwwroot, *app_data, *_spellings(app_data, JOBS))

    def jobs_roots(self, job_type: JobType) -> tuple[Path, ...]:
        """The folders that hold the jobs of a type, that for new jobs first; they may be missing."""
        return _spellings(_spellings(_spellings([self._wwwroot], APP_DATA), JOBS), job_type.value)

    def present_roots(self, job_type: JobType) -> tuple[Path, ...]:
        """Those of `jobs_roots` that are there, and not by a link out of the site folder."""
        return tuple(
            root for root in self.jobs_roots(job_type) if os.path.isdir(root) and self._is_inside(root)
        )

    def job_folders(self, job_type: JobType, job_name: str) -> tuple[Path, ...]:
        """Every place where this job's folder exists; the first is the one that counts."""
        places = (root / job_name for root in self.present_roots(job_type))
        return tuple(place for place in places if place.is_symlink() or os.path.isdir(place))

    def job_folder(self, job_type: JobType, job_name: str) -> Path:
        """Where the job's folder is, or where it is to be created.

        Raises:
            OutsideSite: A link leads out of the site folder.
        """
        existing = self.job_folders(job_type, job_name)
        return self.inside(existing[0] if existing else self.jobs_roots(job_type)[0] / job_name)

    def data_folder(self, job_type: JobType, job_name: str) -> Path:
        """Where the job's runs and logs are kept."""
        return Path(self.data_path(job_type, job_name))

    def data_path(self, job_type: JobType, job_name: str) -> str:
        """The same as text: for a path that is used once, making a `Path` costs more than its use."""
        return f"{self._job_data[job_type]}/{job_name}"

    def run_folder(self, job_name: str, run_id: RunId) -> Path:
        """Where one run's logs are kept."""
        return Path(self.run_path(job_name, run_id))

    def run_path(self, job_name: str, run_id: RunId) -> str:
        """The same as text, like `data_path`."""
        return f"{self._job_data[JobType.TRIGGERED]}/{job_name}/{run_id}"

    @property
    def logs_folder(self) -> Path:
        """The application logs."""
        return self.root / "LogFiles"

    def application_logs(self, job_type: JobType, job_name: str) -> Path:
        """Where a job's part of the application logs is kept."""
        return self.logs_folder / "Application" / job_type.value / job_name

    def runner_state(self, instance_id: str) -> Path:
        """One runner's private folder, created if need be; no other user may read it."""
        folder = self.inside(self._data / ".runner" / instance_id)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return folder

    def runner_folders(self) -> Iterator[Path]:
        """The private folders of all runners that ever used this site folder, and are not cleaned up."""
        yield from (self._data / ".runner").glob("[0-9a-f]" * 6)

    def note(self, job_type: JobType, job_name: str) -> Path:
        """The file that says what was last installed or packaged."""
        return self._notes(job_type) / job_name

    def known_jobs(self, job_type: JobType) -> frozenset[str]:
        """Names of the jobs that have a note."""
        try:
            return frozenset(note.name for note in self._notes(job_type).iterdir() if note.name[0] != ".")
        except FileNotFoundError:
            return frozenset()

    def forget_jobs(self, job_type: JobType) -> None:
        """Forget what was installed or packaged of this type's jobs."""
        for job_name in self.known_jobs(job_type):
            self.note(job_type, job_name).unlink(missing_ok=True)

    def lock_file(self, job_type: JobType, job_name: str) -> Path:
        """The file whose lock is held while a job's folder is changed or copied."""
        return self._locks(job_type) / job_name

    def files_lock(self) -> Path:
        """The file whose lock is held while a single file of the site is put in place or removed."""
        return self._data / ".locks" / "files"

    def _notes(self, job_type: JobType) -> Path:
        return self._data / ".deployed" / job_type.value

    def _locks(self, job_type: JobType) -> Path:
        return self._data / ".locks" / job_type.value


def _spellings(parents: Sequence[Path], usual: str) -> tuple[Path, ...]:
    """The folders of a name in any letter case, that in lower case first; the usual one if there is none."""
    found = [folder for parent in parents for folder in _spelled(parent, usual)]
    return tuple(folder for folder in found if os.path.isdir(folder)) or (parents[0] / usual,)


def _spelled(parent: Path, usual: str) -> list[Path]:
    try:
        names = [name for name in os.listdir(parent) if name.lower() == usual]
    except OSError:  # missing, or a share that does not answer
        return []
    return [parent / name for name in sorted(names, key=lambda name: (name != usual, name))]
