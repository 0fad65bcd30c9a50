"""The root of every error webjobs raises, and the errors of the rules."""

from collections.abc import Sequence

from webjobs_rules.dependencies.vocabulary import PreparationStage


class WebJobsError(Exception):
    """Root of the errors that a caller can act on; each says what to do."""


class InvalidJobName(WebJobsError):
    """A job name that no folder, subject or URL could carry safely."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name[:150]!r} is not a job name: {reason}.")


class InvalidRunId(WebJobsError):
    """A text that is not a run id."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text[:60]!r} is not a run id; it has the form yyyyMMddHHmmssffff, 18 digits.")


class InvalidArguments(WebJobsError):
    """Arguments that cannot be handed to a script as they are."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The arguments cannot be passed on: {reason}.")


class InvalidJobSettings(WebJobsError):
    """A `settings.job` that cannot be understood; `key` is empty when the whole text is at fault."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        self.reason = reason
        where = f"{key} in settings.job" if key else "settings.job"
        super().__init__(f"{where} {reason}.")


class InvalidSchedule(WebJobsError):
    """A cron expression that cannot be understood."""

    def __init__(self, expression: str, reason: str) -> None:
        self.expression = expression
        self.reason = reason
        super().__init__(f"The schedule {expression[:100]!r} {reason}.")


class UnknownTimeZone(WebJobsError):
    """A name that the database of time zones does not have."""

    def __init__(self, name: str, similar: str | None, note: str = "") -> None:
        self.name = name
        self.similar = similar
        hint = (
            f"; did you mean {similar}" if similar else "; write the name of a place, such as Europe/Berlin"
        )
        self.reason = f"is {name[:100]!r}, which the IANA database of time zones does not have{hint}"
        if note:
            self.reason += f" ({note})"
        super().__init__(f"The time zone {self.reason}.")


class IllegalTransition(WebJobsError):
    """A lifecycle event that the state it meets does not allow."""

    def __init__(self, current: str | None, entered: str) -> None:
        self.current = current
        self.entered = entered
        super().__init__(f"{entered} cannot follow {current or 'nothing'}.")


class InvalidAppSetting(WebJobsError):
    """An app setting with an invalid name or value."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"The setting {name[:100]!r} is not valid: {reason}.")


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


class BadUpload(WebJobsError):
    """An upload that cannot become a job's files; the reason says what to fix."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The upload cannot be used: {reason}.")


class UnusableRecord(WebJobsError):
    """What another system recorded of a run cannot be imported; the reason is a part of a sentence."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The record cannot be imported: {reason}.")


class FolderRefused(WebJobsError):
    """A job's folder holds something that no package can carry."""

    def __init__(self, job_name: str, entry: str, reason: str) -> None:
        self.job_name = job_name
        self.entry = entry
        self.reason = reason
        shown = entry.encode("utf-8", "backslashreplace").decode("utf-8")[:300]
        super().__init__(f"{shown or 'The folder'} of the job {job_name} cannot be deployed: {reason}.")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


class DependenciesRefused(WebJobsError):
    """The packages that a job declares cannot be installed as they are declared."""

    def __init__(self, stage: PreparationStage, reason: str) -> None:
        self.stage = stage
        self.reason = reason
        super().__init__(reason)


class DependenciesUnavailable(WebJobsError):
    """Packages of a job could not be had now; another try may succeed."""

    def __init__(self, stage: PreparationStage, reason: str) -> None:
        self.stage = stage
        self.reason = reason
        super().__init__(reason)
