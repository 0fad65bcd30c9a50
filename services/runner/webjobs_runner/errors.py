"""The runner's own errors: why a script could not be chosen, given its arguments, or started."""

from collections.abc import Sequence

from webjobs_events.errors import WebJobsError


class NoRunnableScript(WebJobsError):
    """No file at the root of the job's folder has a supported extension."""

    def __init__(self, found: Sequence[str], extensions: Sequence[str], left_out: Sequence[str] = ()) -> None:
        """`left_out` are sentences about what no package carries, which may be the script."""
        self.found = tuple(found)
        self.extensions = tuple(extensions)
        there = f"found only {_few(self.found)}" if self.found else "the folder holds no file"
        super().__init__(
            f"No runnable script: {there}. Put a script at the root of the job's folder, "
            f"best named run with one of these extensions: {' '.join(self.extensions)}."
            f"{''.join(f' {sentence}' for sentence in left_out)}"
        )


class MissingInterpreter(WebJobsError):
    """There is a script, but not the program that runs it."""

    def __init__(self, file_name: str, interpreter: str, product: str) -> None:
        self.file_name = file_name
        self.interpreter = interpreter
        self.product = product
        named = interpreter if product in ("", interpreter) else f"{interpreter} ({product})"
        super().__init__(f"Found {file_name}, which needs {named}: install it on the runner.")


class InvalidScriptHosts(WebJobsError):
    """WEBJOBS_SCRIPT_HOSTS does not say which program runs which extension."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"WEBJOBS_SCRIPT_HOSTS is not usable: {reason}. "
            'Write a JSON object of extensions and command lines, such as {".rb": ["ruby"]}.'
        )


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


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
