"""The stored definition of a job: read and written in one place, for every service."""

from pathlib import PurePosixPath
from typing import Any

import msgspec
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType, parse_job_name

from webjobs_events.errors import MALFORMED, InvalidToken, UnreadableDefinition
from webjobs_events.job import JobDefinition, JobVersion
from webjobs_events.subjects import Subjects

_LONGEST_REASON = 300  # characters

_decoder = msgspec.json.Decoder(JobDefinition)
_raw_decoder = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


def encode_definition(definition: JobDefinition) -> bytes:
    """A definition as JSON."""
    return _encoder.encode(definition)


def encode_change(definition: JobDefinition, before: bytes) -> bytes:
    """A definition as JSON, with the fields of its stored form that this release does not know.

    A later release has written them about certain files, so they stay with these: those of the definition
    while its digest stays, and those of each version with its digest.

    Args:
        definition: What is to be stored.
        before: What is stored; bytes that are no definition have nothing that stays.
    """
    try:
        stored = _raw_decoder.decode(before)
    except MALFORMED:
        return encode_definition(definition)
    unknown = _unknown(stored, JobDefinition) if stored.get("digest") == definition.digest else {}
    of_versions = {
        digest: found
        for version in _versions_of(stored)
        if isinstance(digest := version.get("digest"), str) and (found := _unknown(version, JobVersion))
    }
    if not unknown and not of_versions:
        return encode_definition(definition)
    value: dict[str, Any] = msgspec.to_builtins(definition)
    value["versions"] = [each | of_versions.get(each["digest"], {}) for each in value["versions"]]
    return _encoder.encode(value | unknown)


def _unknown(stored: dict[str, Any], known: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name not in known.__struct_encode_fields__}


def _versions_of(stored: dict[str, Any]) -> list[dict[str, Any]]:
    versions = stored.get("versions")
    return [each for each in versions if isinstance(each, dict)] if isinstance(versions, list) else []


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
