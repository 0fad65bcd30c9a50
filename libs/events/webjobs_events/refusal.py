"""What a runner refused of a job: kept in the bucket of leases until it is fixed."""

from enum import StrEnum

import msgspec
from webjobs_rules.job import JobType

from webjobs_events.instant import Instant
from webjobs_events.record import Record

MAX_REASON = 2000  # characters


class RefusalSource(StrEnum):
    """Where something that was refused came from."""

    FOLDER = "folder"
    """A folder on a runner's disk, or the settings in it: refused as long as it is there."""

    UPLOAD = "upload"
    """An upload to the api."""

    SETTINGS = "settings"
    """Settings sent to the api."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A folder, an upload or settings that did not become the job's version.

    Attributes:
        job_type: In whose folder of jobs it lies.
        folder_name: The job's name, or a name that no job can have.
        reason: A sentence that says what to fix.
        at: Since when.
        instance: The runner that refused it.
        source: Where it came from.
    """

    job_type: JobType
    folder_name: str
    reason: str
    at: Instant
    instance: str
    source: RefusalSource = RefusalSource.FOLDER


_record = Record(Refusal)
encode_refusal = _record.encode
decode_refusal = _record.decode
