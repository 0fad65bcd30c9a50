"""What may be asked of history, and what it answers: read models as messages on NATS request/reply."""

import msgspec

from webjobs_events.instant import Instant
from webjobs_events.job import JobName
from webjobs_events.run_id import RunId
from webjobs_events.status import Reason, Status


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run as history knows it; instants are UTC, fields as those of its events."""

    job_name: JobName
    run_id: RunId
    status: Status
    attempt: int = 1
    trigger: str
    arguments: str | None = None
    digest: str
    instance: str
    requested_at: Instant
    started_at: Instant | None = None
    ended_at: Instant | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: Reason | None = None
    evidence: str = ""
    has_error_log: bool = False
    scheduled_for: Instant | None = None
    retry_of: RunId | None = None
    rerun_of: RunId | None = None
    next_run_id: RunId | None = None
    next_attempt_at: Instant | None = None
    output_log_bytes: int | None = None
    error_log_bytes: int | None = None
    dropped_lines: int | None = None


class InstanceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a continuous job does on one instance."""

    instance: str
    status: Status
    since: Instant
    digest: str
    exit_code: int | None = None
    reason: Reason | None = None
    evidence: str = ""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What every query tells.

    Attributes:
        at_least: Sequence of the event stream the answer must include; 0: whatever is projected.
    """

    at_least: int = 0


class LatestRunsQuery(Query, frozen=True, kw_only=True):
    """The latest run of each of these jobs.

    Attributes:
        job_names: None: every job that has runs.
        may_lack: Answer though some of them lack, without a look at the end of the stream: for lists.
    """

    job_names: list[JobName] | None = None
    may_lack: bool = False


class LatestRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `LatestRunsQuery`: jobs without runs are absent."""

    position: int
    runs: list[RunView]


class RunsQuery(Query, frozen=True, kw_only=True):
    """A page of a job's runs, newest first.

    Attributes:
        before: Only runs older than this run id; None: from the newest.
        limit: At most this many, 1 to 1,000.
    """

    job_name: JobName
    before: RunId | None = None
    limit: int = 1000


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `RunsQuery`."""

    position: int
    runs: list[RunView]


class RunQuery(Query, frozen=True, kw_only=True):
    """One run of a job."""

    job_name: JobName
    run_id: RunId


class FoundRun(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `RunQuery`: None when there is no such run, looked up to the end of the stream."""

    position: int
    run: RunView | None


class StatusesQuery(Query, frozen=True, kw_only=True):
    """What these continuous jobs do, per instance.

    Attributes:
        job_names: None: every job that was told of.
        may_lack: As in `LatestRunsQuery`.
    """

    job_names: list[JobName] | None = None
    may_lack: bool = False


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One continuous job on every instance that told of it, in order of instance id."""

    job_name: JobName
    instances: list[InstanceView]


class Statuses(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `StatusesQuery`: jobs nobody told of are absent."""

    position: int
    jobs: list[JobStatus]


LATEST_RUNS = "latest_runs"
RUNS = "runs"
RUN = "run"
STATUSES = "statuses"
"""Names of the endpoints, under `Subjects.query`."""
