"""The stored definition of a job: read and written in one place, for every service."""

from pathlib import PurePosixPath

import msgspec
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType, parse_job_name

from webjobs_events.errors import MALFORMED, InvalidToken, UnreadableDefinition
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects

_LONGEST_REASON = 300  # characters

_decoder = msgspec.json.Decoder(JobDefinition)
_encoder = msgspec.json.Encoder()


def encode_definition(definition: JobDefinition) -> bytes:
    """A definition as JSON."""
    return _encoder.encode(definition)


def defined_job(key: str) -> tuple[JobType, JobName]:
    """The job whose definition lies under a key of the bucket.

    Raises:
        InvalidToken: The key belongs to no job: it has another form, or no job can have this name.
    """
    job_type, name = Subjects.parse_definition_key(key)
    try:
        return job_type, parse_job_name(name)
    except InvalidJobName as error:
        raise InvalidToken(key) from error


def decode_definition(job_type: JobType, job_name: JobName, data: bytes) -> JobDefinition:
    """The definition of a job.

    Raises:
        UnreadableDefinition: The stored bytes are no definition, or that of another job.
    """
    try:
        definition = _decoder.decode(data)
    except MALFORMED as error:
        reason = "it is empty" if not data else str(error)
        raise UnreadableDefinition(job_type, job_name, reason[:_LONGEST_REASON]) from error
    if (definition.job_type, definition.job_name) != (job_type, job_name):
        raise UnreadableDefinition(job_type, job_name, "it names another job")
    script = PurePosixPath(definition.script)
    if not definition.script or script.is_absolute() or ".." in script.parts:
        raise UnreadableDefinition(job_type, job_name, "its script is no path in the job's folder")
    return definition
