"""The URLs that answers point to, built from the address a request was sent to."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from webjobs_rules.job import JobType
from webjobs_rules.log_format import JOB_LOG, error_log, output_log
from webjobs_rules.run_report import RESULT_FILE


@lru_cache(maxsize=10_000)
def quoted(name: str) -> str:
    """A name as one part of an address; a list shows each name half a dozen times."""
    return quote(name, safe="")


KUDU_OUTPUT_FILE = "output_log.txt"
"""Another name for the log with all lines of a run: Kudu's."""

KUDU_JOB_LOG_FILE = "job_log.txt"
"""Another name for a continuous job's own log: Kudu's."""


SCHEDULER_LOG_FILE = "job_scheduler.log"
"""Name of the log of a triggered job's schedule."""


@dataclass(frozen=True, slots=True)
class Urls:
    """Every address an answer names.

    Args:
        base: As the client reaches this api, such as `http://localhost:8080`.
        jobs: Path of the jobs of a type, `{type}` standing for it.
        output_log: Name of a run's output log, `{id}` standing for the run's.
        continuous_log: Name of a continuous job's own log.
    """

    base: str
    jobs: str = "/api/jobs/{type}"
    output_log: str = output_log("{id}")
    continuous_log: str = JOB_LOG

    @property
    def refusals(self) -> str:
        """Of the list of what was refused."""
        return f"{self.base}/api/refusals"

    def hook(self, hook_id: str) -> str:
        """Of a hook in the api."""
        return f"{self.base}/api/hooks/{quoted(hook_id)}"

    def hook_page(self, hook_id: str) -> str:
        """Of the page of a hook."""
        return f"{self.base}/pages/hooks/{quoted(hook_id)}"

    def job(self, job_type: JobType, name: str) -> str:
        """Of a job in the api."""
        return f"{self.base}{self.jobs.replace('{type}', job_type.value)}/{quoted(name)}"

    def history(self, name: str) -> str:
        """Of a triggered job's runs."""
        return f"{self.job(JobType.TRIGGERED, name)}/history"

    def run(self, name: str, run_id: str) -> str:
        """Of one run."""
        return f"{self.history(name)}/{run_id}"

    def output(self, name: str, run_id: str) -> str:
        """Of a run's output log."""
        return self._data(JobType.TRIGGERED, name, f"{run_id}/{self.output_log.replace('{id}', run_id)}")

    def error(self, name: str, run_id: str) -> str:
        """Of a run's error log."""
        return self._data(JobType.TRIGGERED, name, f"{run_id}/{error_log(run_id)}")

    def result(self, name: str, run_id: str, instance: str) -> str:
        """Of the file with the result of a run, on the disk of its runner."""
        return f"{self._data(JobType.TRIGGERED, name, f'{run_id}/{RESULT_FILE}')}?instance={instance}"

    def job_log(self, name: str) -> str:
        """Of a continuous job's own log."""
        return self._data(JobType.CONTINUOUS, name, self.continuous_log)

    def scheduler_log(self, name: str) -> str:
        """Of what became of a triggered job's due times."""
        return self._data(JobType.TRIGGERED, name, SCHEDULER_LOG_FILE)

    def application_log(self, name: str) -> str:
        """Of everything a continuous job wrote."""
        return f"{self.base}/vfs/LogFiles/Application/continuous/{quoted(name)}.log"

    def page(self, job_type: JobType, name: str) -> str:
        """Of the page for people."""
        return f"{self.base}/pages/{job_type.value}/{quoted(name)}"

    def triggered_page(self, name: str) -> str:
        """Of the page of a triggered job."""
        return self.page(JobType.TRIGGERED, name)

    def run_page(self, name: str, run_id: str) -> str:
        """Of the page of a run."""
        return f"{self.triggered_page(name)}/history/{run_id}"

    def job_folder(self, job_type: JobType, name: str) -> str:
        """Of the files of a job, in the vfs API."""
        return f"{self.base}/vfs/site/wwwroot/App_Data/jobs/{job_type.value}/{quoted(name)}/"

    def job_archive(self, job_type: JobType, name: str) -> str:
        """Of the files of a job as a zip."""
        return f"{self.base}/api/zip/site/wwwroot/App_Data/jobs/{job_type.value}/{quoted(name)}/"

    def _data(self, job_type: JobType, name: str, rest: str) -> str:
        return f"{self.base}/vfs/data/jobs/{job_type.value}/{quoted(name)}/{rest}"
