"""Where a runner of `support.runners` keeps the files of jobs and runs, below the folder of the test."""

from pathlib import Path

from webjobs_rules.job import JobType


def job_folder(folder: Path, job_type: JobType, job_name: str, site: str = "site") -> Path:
    """The files of a job; `site` is the name of the runner."""
    return folder / site / "site" / "wwwroot" / "app_data" / "jobs" / job_type / job_name


def data_folder(folder: Path, job_type: JobType, job_name: str, site: str = "site") -> Path:
    """What its scripts find as `WEBJOBS_DATA_PATH`; the runs of a job are in it."""
    return folder / site / "data" / "jobs" / job_type / job_name


def job_log(folder: Path, job_name: str) -> Path:
    """The log of a continuous job."""
    return data_folder(folder, JobType.CONTINUOUS, job_name) / "job.log"


def run_folder(folder: Path, job_name: str, run_id: str, site: str = "site") -> Path:
    """The logs and the status of a run."""
    return data_folder(folder, JobType.TRIGGERED, job_name, site) / run_id


def output_log(folder: Path, job_name: str, run_id: str) -> Path:
    """What a run wrote."""
    return run_folder(folder, job_name, run_id) / f"output_{run_id}.log"
