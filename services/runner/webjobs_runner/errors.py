"""The runner's own errors: why settings were not changed, or a script not started."""

from webjobs_rules.errors import WebJobsError


class SettingsAreOthers(WebJobsError):
    """A change of settings is meant for other settings than the job has."""

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The settings of {job_name!r} are not those that If-Match names. Nothing was changed: "
            "read them and their ETag again, then send the change again."
        )


class ScriptNotStarted(WebJobsError):
    """The operating system, or the launcher, did not start the process."""

    def __init__(self, argv0: str, reason: str) -> None:
        self.argv0 = argv0
        self.reason = reason
        super().__init__(f"{argv0} was not started: {reason}.")


class WineUnusable(WebJobsError):
    """Wine is installed, but does not come up."""

    def __init__(self, program: str, reason: str) -> None:
        self.program = program
        self.reason = reason
        super().__init__(f"{program} could not be prepared: {reason}. Try `wineboot` on the runner.")


class InstanceInUse(WebJobsError):
    """Another runner on this machine, or on the same data folder, has the same instance id and is alive."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(
            f"Another runner with the instance id {instance_id} is alive, on this machine or on this data "
            "folder. Stop it, or give this one another data folder or instance id."
        )
