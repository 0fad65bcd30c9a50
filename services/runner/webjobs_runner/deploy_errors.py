"""What can go wrong with the files of a job: uploads, dropped folders, packages, settings."""

from pathlib import Path

from webjobs_rules.errors import WebJobsError


class FolderChangedMeanwhile(WebJobsError):
    """A job's folder was written to while it was read; it is read again once it is quiet."""

    def __init__(self, folder: Path, entry: str) -> None:
        self.folder = folder
        self.entry = entry
        super().__init__(f"{entry} of the job {folder.name} changed while it was read; it is read again.")


class PackageDamaged(WebJobsError):
    """A stored package that is not what its name says."""

    def __init__(self, package: Path, reason: str) -> None:
        self.package = package
        self.reason = reason
        super().__init__(f"The package {package.name} is damaged ({reason}); deploy the job again.")


class WrongVersion(WebJobsError):
    """The job's folder does not hold the version that was asked for."""

    def __init__(self, job_name: str, wanted: str, found: str) -> None:
        self.job_name = job_name
        self.wanted = wanted
        self.found = found
        super().__init__(
            f"The folder of {job_name} holds version {found[:12]}, not {wanted[:12]}; install that one first."
        )


class OutsideSite(WebJobsError):
    """A path of the site folder that a link leads somewhere else."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.root = root
        super().__init__(
            f"{path} leads out of the site folder {root} by a link; replace the link by a folder."
        )


class JobsFolderMissing(WebJobsError):
    """The folder that holds all jobs of a type is not there, which does not mean that they were removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} is missing; mount it again, or create it to have its jobs installed again."
        )


class TemporaryFolderTaken(WebJobsError):
    """The runner's temporary folder belongs to another user, who could alter scripts in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder} is not a folder of this user; remove it or set another TMPDIR.")
