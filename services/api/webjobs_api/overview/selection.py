"""Which jobs the overview lists, in which order, and a page of them; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobType, parse_job_name

from webjobs_api.overview.attention import SEVERITY, AttentionKind
from webjobs_api.overview.errors import InvalidJobFilter
from webjobs_api.overview.job_facts import JobFacts, JobKey

DEFAULT_JOBS = 100
MAX_JOBS = 1000
_CALM = len(SEVERITY)  # ranks after every kind of attention
_MOST_TEXT = 200  # characters

JobPlace = tuple[int, str, str, str]
"""Where a job is in the list: rank of its attention, its name without case, its name, its type."""


class JobState(StrEnum):
    """What a job may be asked to be."""

    FAILED = "failed"
    """The last run has failed, or the process crashes again and again."""
    RUNNING = "running"
    DISABLED = "disabled"
    SCHEDULED = "scheduled"
    NEVER_RAN = "never_ran"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What a job must be to be listed; None or an empty text lets every job through.

    Attributes:
        state: What it is.
        text: Part of its name, in any case.
        job_type: Its type.
        after: Jobs behind this place.
        limit: At most so many.
    """

    state: JobState | None = None
    text: str = ""
    job_type: JobType | None = None
    after: JobPlace | None = None
    limit: int = DEFAULT_JOBS

    def passes(self, job: JobFacts, now: datetime) -> bool:
        """Whether a job is listed, on this page or another one."""
        return (
            (self.job_type is None or job.definition.job_type is self.job_type)
            and (not self.text or self.text.casefold() in job.definition.job_name.casefold())
            and (self.state is None or _IS[self.state](job, now))
        )


_IS: Mapping[JobState, Callable[[JobFacts, datetime], bool]] = {
    JobState.FAILED: lambda job, now: job.is_failing or job.crash_loop(now) is not None,
    JobState.RUNNING: lambda job, now: job.is_up,
    JobState.DISABLED: lambda job, now: job.is_disabled,
    JobState.SCHEDULED: lambda job, now: job.is_scheduled,
    JobState.NEVER_RAN: lambda job, now: job.is_triggered and job.summary is None,
}


def page_of_jobs(
    jobs: Sequence[JobFacts], wanted: JobFilter, kinds: Mapping[JobKey, AttentionKind], now: datetime
) -> tuple[list[JobFacts], str | None]:
    """A page of the jobs that pass, those with the most severe attention first, then by name.

    Args:
        jobs: All.
        wanted: Those of the page.
        kinds: The most severe reason of each job that needs attention.
        now: This instant.

    Returns the jobs, and what `after` is for the next page; None on the last one.
    """
    placed = sorted(
        ((_place_of(job, kinds.get(job.key)), job) for job in jobs if wanted.passes(job, now)),
        key=lambda each: each[0],
    )
    rest = [each for each in placed if wanted.after is None or each[0] > wanted.after]
    page = rest[: wanted.limit]
    return [job for _, job in page], cursor_of(page[-1][0]) if len(rest) > len(page) else None


def _place_of(job: JobFacts, kind: AttentionKind | None) -> JobPlace:
    name = job.definition.job_name
    return (_CALM if kind is None else SEVERITY[kind], name.casefold(), name, job.definition.job_type)


def cursor_of(place: JobPlace) -> str:
    """How `after` names a place."""
    rank, _, name, job_type = place
    return f"{rank}/{job_type}/{name}"


def job_filter_of(query: Mapping[str, str]) -> JobFilter:
    """The filter that the parameters make.

    Raises:
        InvalidJobFilter: A value is none that the parameter can have.
    """
    text = query.get("text", "").strip()
    if len(text) > _MOST_TEXT:
        raise InvalidJobFilter("text", text, f"it has more than {_MOST_TEXT} characters")
    return JobFilter(
        state=_state(query["filter"]) if "filter" in query else None,
        text=text,
        job_type=_type(query["type"]) if "type" in query else None,
        after=_after(query["after"]) if "after" in query else None,
        limit=_limit(query["limit"]) if "limit" in query else DEFAULT_JOBS,
    )


def _state(value: str) -> JobState:
    try:
        return JobState(value.lower())
    except ValueError as error:
        raise InvalidJobFilter("filter", value, f"it is one of {', '.join(JobState)}") from error


def _type(value: str) -> JobType:
    try:
        return JobType(value.lower())
    except ValueError as error:
        raise InvalidJobFilter("type", value, f"it is one of {', '.join(JobType)}") from error


def _limit(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= MAX_JOBS):
        raise InvalidJobFilter("limit", value, f"it is a number from 1 to {MAX_JOBS}")
    return int(value)


def _after(value: str) -> JobPlace:
    rank, _, rest = value.partition("/")
    job_type, _, name = rest.partition("/")
    try:
        if not (rank.isascii() and rank.isdigit() and len(rank) < 3):
            raise ValueError(rank)
        return int(rank), name.casefold(), parse_job_name(name), JobType(job_type).value
    except (ValueError, InvalidJobName) as error:
        raise InvalidJobFilter("after", value, "it is the value that `next` names") from error
