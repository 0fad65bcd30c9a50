"""Which of the runs of all jobs are asked for, and a page of them; pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from webjobs_events.queries import AllRuns, AllRunsQuery, RunKey, RunView, TriggerKind
from webjobs_rules.errors import InvalidJobName, InvalidRunId
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.run_id import RESOLUTION, parse_run_id, run_id_at
from webjobs_rules.status import RUN_STATUSES, TERMINAL_STATUSES, Status

from webjobs_api.http.run_errors import InvalidRunFilter

MAX_RUNS = 1000
DEFAULT_RUNS = 100
ACTIVE = "active"
"""Stands for every status that is not final."""

STATUS_WORDS: Mapping[str, tuple[Status, ...]] = {
    **{status.value: (status,) for status in RUN_STATUSES},
    ACTIVE: tuple(status for status in RUN_STATUSES if status not in TERMINAL_STATUSES),
}
_MOST_VALUES = 100  # of one parameter
_INSTANCE = re.compile("[0-9a-f]{6}")
_OFFSET_AFTER_BLANK = re.compile(r"(T.*) (\d\d:?\d\d)$")  # `+` in an address is a blank

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs in the order of the list.

    Attributes:
        runs: Newest first.
        next: After which run the next page begins; None when there is none.
    """

    runs: list[RunView]
    next: RunKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a run must be; an empty set or None lets every run through. See `AllRunsQuery`."""

    statuses: frozenset[Status] = frozenset()
    job_names: frozenset[JobName] = frozenset()
    triggers: frozenset[TriggerKind] = frozenset()
    instances: frozenset[str] = frozenset()
    since: str | None = None
    until: str | None = None
    before: RunKey | None = None
    limit: int = DEFAULT_RUNS

    def passes(self, run: RunView) -> bool:
        """Whether a run is asked for, on this page or a later one."""
        return (
            (not self.statuses or run.status in self.statuses)
            and (not self.job_names or run.job_name in self.job_names)
            and (not self.triggers or TriggerKind.of(run) in self.triggers)
            and (not self.instances or run.instance in self.instances)
            and (self.since is None or run.run_id >= self.since)
            and (self.until is None or run.run_id < self.until)
            and (self.before is None or _order(key_of(run)) < _order(self.before))
        )

    def with_jobs(self, names: Iterable[JobName]) -> "RunFilter":
        """The filter for other jobs."""
        return replace(self, job_names=frozenset(names))

    def newest(self, runs: Iterable[RunView], most: int) -> list[RunView]:
        """The newest of those that pass."""
        return sorted(filter(self.passes, runs), key=lambda run: _order(key_of(run)), reverse=True)[:most]

    def query(self, *, at_least: int, waiting: list[RunKey], queued: list[JobName]) -> AllRunsQuery:
        """The question to history."""
        return AllRunsQuery(
            at_least=at_least,
            statuses=[status for status in RUN_STATUSES if status in self.statuses],
            job_names=sorted(self.job_names),
            triggers=sorted(self.triggers),
            instances=sorted(self.instances),
            since=self.since,
            until=self.until,
            before=self.before,
            limit=self.limit,
            waiting=waiting,
            queued=queued,
        )

    def page(self, found: AllRuns, beginning: Iterable[RunView]) -> RunPage:
        """The page of the list, out of the page of history and the runs that are about to begin."""
        end = _order(key_of(found.runs[-1])) if found.has_more and found.runs else None
        among = [run for run in beginning if end is None or _order(key_of(run)) > end]
        known = {key_of(run): run for run in [*among, *found.runs]}
        runs = self.newest(known.values(), len(known))
        has_more = found.has_more or len(runs) > self.limit
        runs = runs[: self.limit]
        return RunPage(runs, key_of(runs[-1]) if has_more and runs else None)


def run_filter_of(parameters: Mapping[str, Sequence[str]]) -> RunFilter:
    """The filter that the parameters make, each as often as it was given.

    Raises:
        InvalidRunFilter: A value is none that the parameter can have.
    """

    def all_of(name: str, read: Callable[[str, str], T]) -> frozenset[T]:
        return frozenset(read(name, value) for value in _listed(name, parameters.get(name, ())))

    def one_of(name: str, read: Callable[[str, str], T]) -> T | None:
        values = parameters.get(name, ())
        return read(name, values[-1]) if values else None

    all_of("type", _type)
    return RunFilter(
        statuses=frozenset(status for each in all_of("status", _statuses) for status in each),
        job_names=frozenset(_job("job", value) for value in parameters.get("job", ())),
        triggers=all_of("trigger", _trigger),
        instances=all_of("runner", _instance),
        since=one_of("since", _instant),
        until=one_of("until", _instant),
        before=one_of("before", _before),
        limit=one_of("limit", _limit) or DEFAULT_RUNS,
    )


def key_of(run: RunView) -> RunKey:
    """Names a run among those of all jobs."""
    return run.job_name, run.run_id


def cursor_of(key: RunKey) -> str:
    """How `before` names a run: its id and its job."""
    return f"{key[1]}/{key[0]}"


def _order(key: RunKey) -> tuple[str, str]:
    return key[1], key[0]


def _listed(name: str, given: Sequence[str]) -> list[str]:
    """The values of a parameter that is repeated, or a list separated by commas."""
    values = [value.strip() for each in given for value in each.split(",")]
    if len(values) > _MOST_VALUES:
        raise InvalidRunFilter(name, "\N{HORIZONTAL ELLIPSIS}", f"give at most {_MOST_VALUES} values")
    return values


def _statuses(name: str, value: str) -> tuple[Status, ...]:
    known = {word.lower(): statuses for word, statuses in STATUS_WORDS.items()}
    if value.lower() not in known:
        raise InvalidRunFilter(name, value, f"it is one of {', '.join(STATUS_WORDS)}")
    return known[value.lower()]


def _trigger(name: str, value: str) -> TriggerKind:
    try:
        return TriggerKind(value.lower())
    except ValueError as error:
        raise InvalidRunFilter(name, value, f"it is one of {', '.join(TriggerKind)}") from error


def _type(name: str, value: str) -> JobType:
    if value.lower() != JobType.TRIGGERED:
        raise InvalidRunFilter(name, value, "it is triggered: only triggered jobs have runs")
    return JobType.TRIGGERED


def _job(name: str, value: str) -> JobName:
    try:
        return parse_job_name(value)
    except InvalidJobName as error:
        raise InvalidRunFilter(name, value, error.reason) from error


def _instance(name: str, value: str) -> str:
    if not _INSTANCE.fullmatch(value.lower()):
        raise InvalidRunFilter(name, value, "it is the id of a runner, 6 hexadecimal digits such as 327e1e")
    return value.lower()


def _instant(name: str, value: str) -> str:
    """The first run id at or after an instant."""
    try:
        instant = datetime.fromisoformat(_OFFSET_AFTER_BLANK.sub(r"\1+\2", value))
        utc = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
        return run_id_at(utc + RESOLUTION if utc.microsecond % 100 else utc)
    except (ValueError, OverflowError) as error:
        raise InvalidRunFilter(name, value, "it is an instant such as 2026-01-02T03:04:05Z") from error


def _before(name: str, value: str) -> RunKey:
    run_id, _, job = value.partition("/")
    try:
        # Without a job: before every run of this id.
        return parse_job_name(job) if job else JobName(""), parse_run_id(run_id)
    except (InvalidRunId, InvalidJobName) as error:
        raise InvalidRunFilter(name, value, "it is a run id of 18 digits, or one from `next`") from error


def _limit(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= MAX_RUNS):
        raise InvalidRunFilter(name, value, f"it is a number from 1 to {MAX_RUNS}")
    return int(value)
