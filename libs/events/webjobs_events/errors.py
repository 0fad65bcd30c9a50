"""The root of every error webjobs raises, and the errors of the contract itself."""

import msgspec

MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not the message asked for; the last two are no MsgspecError."""


class WebJobsError(Exception):
    """Root of the errors that a caller can act on; each says what to do."""


class UnreadableDefinition(WebJobsError):
    """The stored definition of a job cannot be read; deploying or deleting the job replaces it."""

    def __init__(self, job_type: str, job_name: str, reason: str) -> None:
        self.job_type = job_type
        self.job_name = job_name
        self.reason = reason
        super().__init__(
            f"The stored definition of the {job_type} job {job_name!r} cannot be read: {reason}. "
            "Deploy the job again, or delete it."
        )


class InvalidJobName(WebJobsError):
    """A job name that no folder, subject or URL could carry safely."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name[:150]!r} is not a job name: {reason}.")


class InvalidToken(WebJobsError):
    """A token of a subject or key that `name_of` cannot turn back into a job name."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__(f"{token!r} is not an encoded job name.")


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


class UndecodableMessage(WebJobsError):
    """A message that is not of the vocabulary: it is parked, never retried."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        self.reason = reason
        super().__init__(f"The message on {subject} cannot be read: {reason}.")


class BusUnavailable(WebJobsError):
    """NATS, or the JetStream object asked for, did not answer."""

    def __init__(self, doing: str, reason: str) -> None:
        self.doing = doing
        self.reason = reason
        super().__init__(f"NATS did not answer while {doing}: {reason}. Try again in a moment.")


class StorageFull(BusUnavailable):
    """A message or file was not stored: JetStream has reached its limit, or a disk is full."""

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(doing, reason)
        self.args = (f"There is no space left for {doing}: {reason}. Free some disk space, then try again.",)


class ReplicasUnsupported(WebJobsError):
    """More than one replica of each stream is asked for, and the server is not part of a cluster."""

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas
        super().__init__(
            f"WEBJOBS_NATS_REPLICAS={replicas}: the server at WEBJOBS_NATS_URL is not part of a cluster and "
            "keeps one replica of a stream. Set WEBJOBS_NATS_REPLICAS=1, or connect to a NATS cluster of at "
            f"least {replicas} servers with JetStream."
        )


class NoResponders(BusUnavailable):
    """NATS is there, but no service takes requests on this subject."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"asking {subject}", "no service listens there")


class MessageTooLarge(WebJobsError):
    """A message over the size that NATS takes; sending it again is of no use."""

    def __init__(self, subject: str, size: int, limit: int) -> None:
        self.subject = subject
        self.size = size
        self.limit = limit
        super().__init__(f"The message on {subject} has {size} bytes; NATS takes at most {limit}.")


class CommandRefused(WebJobsError):
    """The stream holds an unfinished command on this subject already, and takes one at a time."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"A command on {subject} is not finished yet.")


class RevisionConflict(WebJobsError):
    """The entry was changed since it was read."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"{key} was changed since it was read; read it again.")


class InvalidAppSetting(WebJobsError):
    """An app setting with an invalid name or value."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"The setting {name[:100]!r} is not valid: {reason}.")
