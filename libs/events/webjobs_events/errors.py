"""The errors of messages, and of NATS."""

import msgspec
from webjobs_rules.errors import WebJobsError

MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not the message asked for; the last two are no MsgspecError."""


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


class InvalidToken(WebJobsError):
    """A token of a subject or key that `name_of` cannot turn back into a job name."""

    def __init__(self, token: str) -> None:
        self.token = token
        super().__init__(f"{token!r} is not an encoded job name.")


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
