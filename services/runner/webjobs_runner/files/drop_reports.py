"""What the watcher of job folders reports."""

from dataclasses import dataclass

from webjobs_rules.job import JobName, JobType


@dataclass(frozen=True, slots=True)
class FolderChanged:
    """A job's folder is new or different, and at rest."""

    job_type: JobType
    job_name: JobName


@dataclass(frozen=True, slots=True)
class FolderGone:
    """A job that was in the folder of jobs, or was noted as installed, is not there any more."""

    job_type: JobType
    job_name: JobName


@dataclass(frozen=True, slots=True)
class NameRefused:
    """A folder whose name cannot be a job's, reported once; without a reason: it is renamed or removed."""

    job_type: JobType
    folder_name: str
    reason: str


DropReport = FolderChanged | FolderGone | NameRefused
