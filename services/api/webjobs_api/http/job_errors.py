"""What can go wrong with requests about jobs, their versions and their deployments."""

from webjobs_events.commands import DeployJob
from webjobs_events.deployment_id import deployment_id_of
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType


class JobNotFound(WebJobsError):
    """No job of this type has this name."""

    http_status = 404

    def __init__(self, job_type: JobType, job_name: str, refused: str | None = None) -> None:
        self.job_type = job_type
        self.job_name = job_name
        self.refused = refused
        why = f" A folder of this name was refused: {refused}" if refused else ""
        super().__init__(f"There is no {job_type} job named {job_name!r}.{why}")


class JobsAreStopped(WebJobsError):
    """WEBJOBS_STOPPED holds every job back."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "WebJobs are in stopped state by the setting WEBJOBS_STOPPED. Remove it or set it to 0."
        )


class JobNotEnabled(WebJobsError):
    """The job's own settings keep it from running."""

    http_status = 409

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The job {job_name!r} is not enabled. Remove enabled from its settings.job, or set it to true."
        )


class JobIsStopped(WebJobsError):
    """A continuous job that is disabled has nothing to restart."""

    http_status = 409

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The job {job_name!r} is stopped, and a restart does not enable it. Start it with POST …/start."
        )


class JobIsBusy(WebJobsError):
    """The same change of the job is being made already, and takes long."""

    http_status = 409

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(f"Another {verb} of the job {job_name!r} is not finished yet. Try again later.")


class VersionNotFound(WebJobsError):
    """The job has no version of this digest, or does not remember it any more."""

    http_status = 404

    def __init__(self, job_name: str, digest: str) -> None:
        self.job_name = job_name
        self.digest = digest
        super().__init__(
            f"The job {job_name!r} has no version {digest[:80]!r} that is remembered. Name a version by its "
            "digest or the first 8 digits of it or more."
        )


class VersionGone(WebJobsError):
    """The files of a version are not kept any more."""

    http_status = 410

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(
            f"The files of version {digest[:12]} are not kept any more (WEBJOBS_KEPT_VERSIONS says how many "
            "versions of a job are). Deploy them again."
        )


class DeploymentGoesOn(WebJobsError):
    """A deployment takes longer than its request waits; no error of the deployment.

    Attributes:
        command: The deployment.
        deployment_id: Names it.
    """

    http_status = 202

    def __init__(self, command: DeployJob) -> None:
        self.command = command
        self.deployment_id = deployment_id_of(command.command_id) or ""
        super().__init__(
            f"The deployment of {command.job_name!r} goes on. "
            f"GET /api/deployments/{self.deployment_id} says how far it is."
        )


class DeploymentNotFound(WebJobsError):
    """There is no deployment of this id, or no longer."""

    http_status = 404

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        which = "There is no deployment yet" if deployment_id == "latest" else "There is no such deployment"
        super().__init__(f"{which}: {deployment_id[:100]!r}. GET /api/deployments lists those that are kept.")
