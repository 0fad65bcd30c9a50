"""What may be asked of history, and what it answers: read models as messages on NATS request/reply."""

from enum import StrEnum

import msgspec
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, SentRunId
from webjobs_rules.status import Reason, Status

from webjobs_events.durations import measured, median, p90
from webjobs_events.events.acknowledgements import Term
from webjobs_events.instant import Instant


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
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    log_lines: int | None = None
    first_error_line: int | None = None
    result: str | None = None
    """As compact JSON."""
    result_bytes: int | None = None
    progress: float | None = None
    progress_text: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)
    imported_from: str | None = None
    """The other system that ran it; None of the runs of this one."""


class LastSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """The last run of a job that succeeded."""

    run_id: RunId
    ended_at: Instant


class InstanceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a continuous job does on one instance.

    Attributes:
        crashes: How many times in a row its process ended with an error within two minutes of its start.
        crashing_since: When it did so first; None without a crash.
    """

    instance: str
    status: Status
    since: Instant
    digest: str
    exit_code: int | None = None
    reason: Reason | None = None
    evidence: str = ""
    crashes: int = 0
    crashing_since: Instant | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What every query carries.

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


RunKey = tuple[JobName, RunId]
"""Names a run among those of all jobs."""


class JobSummariesQuery(Query, frozen=True, kw_only=True):
    """What the runs of each of these triggered jobs have in common; fields as those of `LatestRunsQuery`."""

    job_names: list[JobName] | None = None
    may_lack: bool = False


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A triggered job that has runs. Each attempt of a run counts; those that were removed still do.

    Attributes:
        latest: The run with the greatest id.
        run_count: How many runs history holds.
        results: One letter for each of the last 100 that ended, oldest first: S, F or A, as `Success`.
        durations: Milliseconds of the last 50 of them, oldest first; None where no process was started.
        streak: How many in a row ended with the last result.
        failing_since: End of the first failure of the streak; None unless the last one failed.
        last_success: The last one that succeeded.
    """

    job_name: JobName
    latest: RunView
    run_count: int
    results: str = ""
    durations: list[int | None] = []
    streak: int = 0
    failing_since: Instant | None = None
    last_success: LastSuccess | None = None

    @property
    def median_ms(self) -> int | None:
        """Of the durations of those that succeeded or failed; None without any."""
        return median(measured(self.durations, self.results))

    @property
    def p90_ms(self) -> int | None:
        """What nine of ten of those took at most; None without any."""
        return p90(measured(self.durations, self.results))


class JobSummaries(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `JobSummariesQuery`: jobs without runs are absent."""

    position: int
    jobs: list[JobSummary]


class RunTotalsQuery(Query, frozen=True, kw_only=True):
    """How many runs of all jobs there are of a kind.

    Attributes:
        failed_since: Attempts count that failed since the minute of this instant, a day ago at most. It
            has the form of a run id.
        waiting: Runs whose command is in the queue: the answer says how many of them do not wait any more.
    """

    failed_since: SentRunId
    waiting: list[RunKey] = []


class RunTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `RunTotalsQuery`.

    Attributes:
        position: Sequence of the last event in it.
        running: How many run; at most 10,000 are counted.
        failed: How many have failed, attempts that were tried again and runs that are not kept included.
        begun: How many of the query's `waiting` run or are over, the attempts that follow them included.
        longest_running: At most 100 that run, oldest first; their arguments end after 200 characters.
    """

    position: int
    running: int
    failed: int
    begun: int
    longest_running: list[RunView]


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


class TriggerKind(StrEnum):
    """What started a run."""

    API = "api"
    SCHEDULE = "schedule"
    RERUN = "rerun"
    IMPORT = "import"
    """Another system: the run was imported from it."""

    @classmethod
    def of(cls, run: RunView) -> "TriggerKind":
        """What started this run; a later attempt has the trigger of the first."""
        if run.imported_from is not None:
            return cls.IMPORT
        if run.rerun_of is not None:
            return cls.RERUN
        return cls.API if run.scheduled_for is None else cls.SCHEDULE


class AllRunsQuery(Query, frozen=True, kw_only=True):
    """A page of the runs of all jobs, newest first: by run id, then by job name, both descending.

    A filter that is empty or None lets every run through.

    Attributes:
        statuses: Runs that have one of these.
        job_names: Runs of these jobs.
        triggers: Runs that one of these started.
        instances: Runs on these runners.
        since: Runs whose id is this one or a later one; of the form of a run id.
        until: Runs whose id is an earlier one.
        before: Runs after this one in the order of the list.
        limit: At most this many, 1 to 1,000.
        waiting: Runs whose command is in the queue: the answer says which of them have begun.
        queued: Jobs that have a command in the queue: the answer has their runs that are to be tried again.
    """

    statuses: list[Status] = []
    job_names: list[JobName] = []
    triggers: list[TriggerKind] = []
    instances: list[str] = []
    since: str | None = None
    until: str | None = None
    before: RunKey | None = None
    limit: int = 1000
    waiting: list[RunKey] = []
    queued: list[JobName] = []


class AllRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `AllRunsQuery`.

    Attributes:
        position: Sequence of the last event in it.
        runs: The page.
        has_more: Whether there are runs after the page.
        begun: Places in the query's `waiting` of the runs that history knows.
        retried: Ended runs of the `queued` jobs whose next attempt has not begun.
    """

    position: int
    runs: list[RunView]
    has_more: bool
    begun: list[int]
    retried: list[RunView]


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
        job_names: None: every job with a recorded event.
        may_lack: As in `LatestRunsQuery`.
    """

    job_names: list[JobName] | None = None
    may_lack: bool = False


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One continuous job on every instance that reported it, in order of instance id."""

    job_name: JobName
    instances: list[InstanceView]


class Statuses(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `StatusesQuery`: jobs without a recorded event are absent."""

    position: int
    jobs: list[JobStatus]


AcknowledgementKey = tuple[JobType, str, str]
"""Type and name of a job, and the reason for attention: the order of acknowledgements."""


class AcknowledgementView(msgspec.Struct, frozen=True, kw_only=True):
    """One acknowledged reason for attention of a job; fields as those of its event."""

    job_type: JobType
    job_name: str
    kind: str
    acknowledgement_id: str
    at: Instant
    by: str
    note: str = ""
    term: Term
    until: Instant | None = None
    evidence: str = ""
    text: str = ""


class AcknowledgementsQuery(Query, frozen=True, kw_only=True):
    """Acknowledgements that no event has ended; the instant of some may have passed.

    Attributes:
        after: Those after this one in the order of their keys; None: from the first.
    """

    after: AcknowledgementKey | None = None


class Acknowledgements(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `AcknowledgementsQuery`: in the order of their keys, as many as fit into a message.

    Attributes:
        position: Sequence of the last event in it.
        acknowledgements: The page.
        has_more: Whether there are others after it.
    """

    position: int
    acknowledgements: list[AcknowledgementView]
    has_more: bool


class RowsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of all that history keeps, as it is at one moment: for a backup.

    Attributes:
        dump: Names the moment, as the first page does; empty: now.
        table: Of which rows are read; empty: only the moment is taken.
        page: Counts the pages of the dump from 1. The last one may be asked for again.
        is_over: The dump is not needed any more.
    """

    dump: str = ""
    table: str = ""
    page: int = 0
    is_over: bool = False


class RowsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `RowsQuery`.

    Attributes:
        dump: Names the moment.
        version: Of the tables.
        tables: Their names.
        rows: Of the table that was asked for, in any order; none when there are no more.
    """

    dump: str
    version: str
    tables: list[str]
    rows: list[msgspec.Raw] = []


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment of a job that has ended.

    Attributes:
        id: Of the deployment; see `webjobs_events.deployment_id`.
        job_type: Of the job.
        job_name: Of the job.
        requested_at: When it was requested.
        requested_by: Who asked for it, as far as known.
        ended_at: When it was done, or had failed.
        instance: Id of the runner that ended it.
        code: How it ended, one of `ReplyCode`.
        text: Why it failed; empty when it is done.
        digest: Names the version that was deployed; empty when it failed.
        script: Its script; empty when it failed.
        warnings: About its files and settings.
    """

    id: str
    job_type: JobType
    job_name: str
    requested_at: Instant
    requested_by: str
    ended_at: Instant
    instance: str
    code: str
    text: str = ""
    digest: str = ""
    script: str = ""
    warnings: list[str] = []


class DeploymentsQuery(Query, frozen=True, kw_only=True):
    """A page of the deployments that have ended, newest first, or one of them.

    Attributes:
        id: This one alone; then the other fields do not matter.
        job_type: Those of this job; None: of every job.
        job_name: The same.
        before: Those whose id is an earlier one; None: from the newest.
        limit: At most this many, 1 to 1,000.
    """

    id: str | None = None
    job_type: JobType | None = None
    job_name: JobName | None = None
    before: str | None = None
    limit: int = 50


class Deployments(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `DeploymentsQuery`: as many as fit into a message.

    Attributes:
        position: Sequence of the last event in it.
        deployments: The page.
        has_more: Whether there are others after it.
    """

    position: int
    deployments: list[DeploymentView]
    has_more: bool


LATEST_RUNS = "latest_runs"
JOB_SUMMARIES = "job_summaries"
RUN_TOTALS = "run_totals"
RUNS = "runs"
ALL_RUNS = "all_runs"
RUN = "run"
STATUSES = "statuses"
ACKNOWLEDGEMENTS = "acknowledgements"
ROWS = "rows"
DEPLOYMENTS = "deployments"
"""Names of the endpoints, under `Subjects.query`."""
