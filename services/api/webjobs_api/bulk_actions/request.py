"""The body of a request for an action on many jobs → what it asks for; pure."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_rules.job import JobType

from webjobs_api.bulk_actions.errors import InvalidBulkAction, TooManyJobs
from webjobs_api.http.json_body import json_text
from webjobs_api.overview.selection import JobFilter, job_filter_of

MAX_JOBS = 1000
"""Of one request."""

MAX_BODY_BYTES = 2 * 1024 * 1024
"""More than 1,000 jobs with the longest names need."""


class Action(StrEnum):
    """What is done to each job."""

    RUN = "run"
    CANCEL = "cancel"
    """Cancel every run of the job that has not ended."""
    ENABLE = "enable"
    DISABLE = "disable"


class NamedJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the jobs."""

    type: JobType
    name: str


class FilterJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every job that `GET /api/overview` lists with these parameters."""

    filter: str | None = None
    text: str | None = None
    type: str | None = None


class BulkActionJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action, and either the jobs or a filter for them."""

    action: Action
    jobs: list[NamedJob] | None = None
    filter: FilterJson | None = None


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on jobs: those that are named, or else those that pass the filter."""

    action: Action
    jobs: list[NamedJob] | None
    filter: JobFilter


def bulk_action_of(body: bytes) -> BulkAction:
    """What a request's body asks for.

    Raises:
        InvalidBulkAction: It is no JSON object of this form.
        InvalidJobFilter: The filter has a value that it cannot have.
        TooManyJobs: It names more than `MAX_JOBS`.
    """
    try:
        asked = msgspec.json.decode(json_text(body), type=BulkActionJson)
    except MALFORMED as error:
        raise InvalidBulkAction(str(error).rstrip(".")) from error
    if (asked.jobs is None) == (asked.filter is None):
        raise InvalidBulkAction("it needs either jobs or filter")
    if asked.jobs is not None:
        check_count(len(asked.jobs))
    given = msgspec.structs.asdict(asked.filter) if asked.filter else {}
    parameters = {name: value for name, value in given.items() if value is not None}
    return BulkAction(asked.action, asked.jobs, job_filter_of(parameters))


def check_count(jobs: int) -> None:
    """Check that one request can be about so many jobs.

    Raises:
        TooManyJobs: It cannot.
    """
    if jobs > MAX_JOBS:
        raise TooManyJobs(jobs, MAX_JOBS)
