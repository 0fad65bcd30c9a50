"""A job definition with what is wrong about the job; an unreadable definition included."""

from datetime import UTC, datetime

import msgspec
from webjobs_events.errors import UnreadableDefinition
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import read_job_settings

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class KnownJob(JobDefinition, frozen=True, kw_only=True):
    """A job as the api knows it.

    Attributes:
        error: What is wrong about the job and what to do, for its clients; None when nothing is.
        unreadable: Why its stored definition cannot be read; empty when it can.
    """

    error: str | None = None
    unreadable: str = ""


def known_job(definition: JobDefinition) -> KnownJob:
    """The job of a definition, with what is wrong about its settings."""
    try:
        read_job_settings(definition.settings)
        error = None
    except InvalidJobSettings as invalid:
        error = str(invalid)
    return KnownJob(**msgspec.structs.asdict(definition), error=error)


def unreadable_job(fault: UnreadableDefinition) -> KnownJob:
    """The job whose stored definition cannot be read; it has nothing but its error."""
    return KnownJob(
        job_type=JobType(fault.job_type),
        job_name=JobName(fault.job_name),
        digest="",
        script="",
        script_host="",
        changed_at=_NEVER,
        changed_by="",
        cause="",
        error=str(fault),
        unreadable=fault.reason,
    )


def error_of(definition: JobDefinition) -> str | None:
    """What is wrong about a job; None when nothing is."""
    return definition.error if isinstance(definition, KnownJob) else None


def require_readable(definition: JobDefinition) -> None:
    """Raise `UnreadableDefinition` for a job whose stored definition cannot be read."""
    if isinstance(definition, KnownJob) and definition.unreadable:
        raise UnreadableDefinition(definition.job_type, definition.job_name, definition.unreadable)
