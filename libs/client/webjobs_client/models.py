"""What the api answers, as types. Fields that a newer api adds are passed over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

JobType = Literal["triggered", "continuous"]
IfRunning = Literal["fail", "join", "queue"]
BulkAction = Literal["run", "cancel", "enable", "disable"]
BulkRunAction = Literal["cancel", "rerun"]

ENDED = frozenset({"Success", "Failed", "Aborted"})
"""Statuses of a run that has ended."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the types here."""


class RunDetails(Model, frozen=True, kw_only=True):
    """A run of a triggered job; docs/http_api.md describes the fields."""

    id: str
    job_name: str
    status: str
    start_time: datetime
    end_time: datetime
    duration: str
    url: str
    output_url: str
    trigger: str
    arguments: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str | None = None
    evidence: str = ""
    instance: str = ""
    package_digest: str = ""
    attempt: int = 1
    scheduled_for: datetime | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    next_run_id: str | None = None
    next_attempt_at: datetime | None = None
    output_log_bytes: int | None = None
    error_log_bytes: int | None = None
    dropped_lines: int | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    log_lines: int | None = None
    first_error_line: int | None = None
    result: Any = None
    result_url: str | None = None
    progress: float | None = None
    progress_text: str = ""
    warnings: list[str] = []

    @property
    def has_ended(self) -> bool:
        """Whether its status is final."""
        return self.status in ENDED

    @property
    def started_at(self) -> datetime:
        """When its script started; before that, when it was requested."""
        return self.start_time

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None before."""
        return None if self.end_time.year == 1 else self.end_time

    @property
    def seconds(self) -> float:
        """How long it took, or takes until now."""
        return duration_of(self.duration).total_seconds()


class RunPage(Model, frozen=True, kw_only=True):
    """Runs, newest first; `next` is the address of the next page, None on the last one."""

    runs: list[RunDetails]
    next: str | None = None


class JobDetails(Model, frozen=True, kw_only=True):
    """A job with its settings.

    Attributes:
        status: Of a continuous job; None of a triggered one.
        detailed_status: A line for each instance of a continuous job.
        latest_run: Of a triggered job; None when it never ran.
        error: What is wrong with the job and what to do; None when nothing is.
        warnings: What is doubtful about its files and settings, as sentences.
    """

    name: str
    type: JobType
    run_command: str
    url: str
    extra_info_url: str = ""
    status: str | None = None
    detailed_status: str | None = None
    latest_run: RunDetails | None = None
    log_url: str | None = None
    history_url: str | None = None
    error: str | None = None
    settings: dict[str, Any] = {}
    warnings: list[str] = []


class DeployedJob(Model, frozen=True, kw_only=True):
    """The job of a deployment."""

    type: JobType
    name: str
    url: str
    page: str = ""


class DeployedVersion(Model, frozen=True, kw_only=True):
    """What was deployed; `version` is the digest of its package."""

    version: str
    script: str
    warnings: list[str] = []


class DeployError(Model, frozen=True, kw_only=True):
    """Why a deployment failed, with the HTTP status of this kind of failure."""

    status: int
    detail: str


class Deployment(Model, frozen=True, kw_only=True):
    """A deployment of a job, or of a package (`kind`).

    Attributes:
        state: `queued`, `preparing`, `deployed` or `failed`.
        stage: What a runner does for a job: `unpack`, `read`, `resolve`, `install`, `check`, `done`.
        seconds: From the request to the end, or until now.
        job: None for a package.
        result: Of a job that is deployed.
        error: Of one that failed.
    """

    id: str
    kind: str
    state: str
    stage: str = ""
    seconds: float = 0.0
    complete: bool = False
    requested_by: str = ""
    received_time: datetime
    end_time: datetime | None = None
    url: str
    log_url: str
    job: DeployedJob | None = None
    result: DeployedVersion | None = None
    error: DeployError | None = None
    warnings: list[str] = []


class LatestRun(Model, frozen=True, kw_only=True):
    """The latest run of a job, in the overview."""

    run_id: str
    status: str
    attempt: int
    trigger: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    signal: int | None
    reason: str | None
    evidence: str
    url: str


class InstanceOfJob(Model, frozen=True, kw_only=True):
    """A continuous job on one runner."""

    instance: str
    status: str
    since: datetime
    exit_code: int | None
    reason: str | None
    evidence: str
    crashes: int
    crashing_since: datetime | None


class LastSuccess(Model, frozen=True, kw_only=True):
    """The last run that succeeded."""

    run_id: str
    ended_at: datetime | None = None


class JobRow(Model, frozen=True, kw_only=True):
    """A job in the overview: its status, and how its last runs went."""

    job: str
    type: JobType
    status: str | None
    attention: str | None
    latest: LatestRun | None
    results: str
    durations_ms: list[int | None]
    median_ms: int | None
    p90_ms: int | None
    success_rate: float | None
    streak: int
    last_success: LastSuccess | None
    next_due: datetime | None
    up_since: datetime | None
    instances: list[InstanceOfJob]
    disabled: bool
    error: str | None
    url: str


class Attention(Model, frozen=True, kw_only=True):
    """One reason why a job or a hook needs attention; of a hook `job` is empty, and `hook` is its id."""

    job: str
    type: str
    kind: str
    text: str
    since: datetime | None = None
    run_id: str | None = None
    url: str
    hook: str | None = None
    target: str | None = None


class RunningRun(Model, frozen=True, kw_only=True):
    """A run that runs, in the overview."""

    job: str
    run_id: str
    started_at: datetime | None
    elapsed_ms: int
    median_ms: int | None
    arguments: str | None
    url: str


class DueJob(Model, frozen=True, kw_only=True):
    """When a job is due next."""

    job: str
    at: datetime
    url: str


class Overview(Model, frozen=True, kw_only=True):
    """All jobs at a glance; `counts` are figures by name, `next` is the address of the next page of jobs."""

    attention: list[Attention]
    counts: dict[str, int]
    running: list[RunningRun]
    next_due: list[DueJob]
    jobs: list[JobRow]
    next: str | None = None


class DueTime(Model, frozen=True, kw_only=True):
    """A due time, in UTC and by the clock of its zone."""

    due: datetime
    local: datetime


class Tick(Model, frozen=True, kw_only=True):
    """What became of a due time, or of `count` of them from `due` until `until`."""

    due: datetime
    until: datetime | None
    count: int
    outcome: str
    reason: str
    run_id: str | None
    told_at: datetime


class Schedule(Model, frozen=True, kw_only=True):
    """A job's schedule; `schedule` is None when it has none. `last` is newest first."""

    schedule: str | None
    normalized: str | None
    words: str | None
    time_zone: str
    enabled: bool
    held_back: str | None
    missed: dict[str, Any]
    next: list[DueTime]
    last: list[Tick]
    log_url: str | None = None


class Version(Model, frozen=True, kw_only=True):
    """A version of a job's files."""

    digest: str
    deployed_at: datetime
    deployed_by: str
    runner: str
    script: str
    files: int | None
    size: int
    is_current: bool
    is_kept: bool


class Settings(Model, frozen=True, kw_only=True):
    """The settings of a job; with `etag` as `if_match` a change is made to just these."""

    values: dict[str, Any]
    etag: str


class LogLine(Model, frozen=True, kw_only=True):
    """A line of a log, as a terminal would show it."""

    number: int
    offset: int
    size: int
    at: datetime | None
    stream: str
    level: str
    text: str
    is_cut: bool


class LogWindow(Model, frozen=True, kw_only=True):
    """Lines of a log; `total` counts all there are now, `ended` says that no more will come."""

    first: int | None
    last: int | None
    total: int
    ended: bool
    first_error: int | None
    lines: list[LogLine]


class LogMatches(Model, frozen=True, kw_only=True):
    """Numbers of the lines that hold a text, at most 1,000; `count` counts all."""

    matches: list[int]
    count: int
    complete: bool


class Hook(Model, frozen=True, kw_only=True):
    """An address that is called for events."""

    id: str
    event: str
    url: str
    insecure_ssl: bool
    last_status: str | None
    last_reason: str | None
    last_datetime: datetime | None
    last_context: str | None
    type: str | None
    job: str | None
    is_signed: bool
    created_at: datetime


class Delivery(Model, frozen=True, kw_only=True):
    """One try to call a hook."""

    delivery_id: str
    event: str
    attempt: int
    time: datetime
    duration_ms: int
    status: int | None
    reason: str
    outcome: str
    next_time: datetime | None
    sequence: int


class Refusal(Model, frozen=True, kw_only=True):
    """What was refused and is not fixed."""

    job: str
    type: str
    when: datetime
    from_: str = msgspec.field(name="from")
    what: str
    reason: str
    instance: str


class Cause(Model, frozen=True, kw_only=True):
    """Why a job does not run; `code` is from a list in docs/http_api.md."""

    code: str
    text: str
    since: datetime | None
    until: datetime | None
    remedy: str | None


class Acknowledgement(Model, frozen=True, kw_only=True):
    """That a person knows of what needs attention of a job or a hook.

    `until` is `change`, `forever` or an instant; of a hook `job` is empty, and `hook` is its id.
    """

    id: str
    job: str
    type: str
    kinds: list[str]
    by: str
    at: datetime
    until: str
    note: str
    hook: str | None = None


class BulkRunFailure(Model, frozen=True, kw_only=True):
    """A run to which an action could not be done."""

    job: str
    id: str
    status: int
    error: str


class BulkRunResult(Model, frozen=True, kw_only=True):
    """What became of an action on many runs."""

    done: int
    failures: list[BulkRunFailure]


class BulkFailure(Model, frozen=True, kw_only=True):
    """A job to which an action could not be done."""

    job: str
    type: str
    status: int
    error: str


class BulkResult(Model, frozen=True, kw_only=True):
    """What became of an action on many jobs."""

    done: int
    failures: list[BulkFailure]


class Health(Model, frozen=True, kw_only=True):
    """Whether the api can work: `status` is `ready` when it can.

    Attributes:
        version: The release of the api.
        checks: Names of what was checked, when all passed.
        missing: The reasons of the checks that failed, by their names.
        notes: What an operator should know though the service is ready.
    """

    status: str
    version: str | None = None
    checks: list[str] = []
    missing: dict[str, str] = {}
    notes: dict[str, str] = {}

    @property
    def is_ready(self) -> bool:
        """Whether every check passed."""
        return self.status == "ready"


class Disk(Model, frozen=True, kw_only=True):
    """The disk of a runner; below `reserve_bytes` it takes no new runs."""

    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    is_low: bool


class Runner(Model, frozen=True, kw_only=True):
    """A runner that is alive, or was within the last five minutes; what is not known is None.

    Attributes:
        up: Whether its lease is there.
        version: Its release.
        since: When it started.
        heartbeat_seconds: Since its last heartbeat.
        slots: Triggered runs that it handles at the same time.
        events_waiting: Events that NATS has not acknowledged yet.
    """

    id: str
    up: bool
    version: str | None = None
    since: datetime | None = None
    heartbeat_seconds: float | None = None
    slots: int | None = None
    slots_in_use: int | None = None
    continuous_jobs: int | None = None
    events_waiting: int | None = None
    disk: Disk | None = None


class HistoryService(Model, frozen=True, kw_only=True):
    """A history; `lag_events` are those that it has not projected, if it is the one that projects."""

    instance: str
    up: bool
    version: str | None = None
    projecting: bool | None = None
    lag_events: int | None = None


class Queue(Model, frozen=True, kw_only=True):
    """Run commands: of runs that wait, and of runs that go on; None when they cannot be read."""

    waiting: int | None = None
    begun: int | None = None


class Stream(Model, frozen=True, kw_only=True):
    """A stream, bucket or object store on NATS."""

    name: str
    purpose: str = ""
    messages: int | None = None
    bytes: int | None = None
    problem: str | None = None


class System(Model, frozen=True, kw_only=True):
    """What webjobs consists of.

    Attributes:
        version: The release of the api that replied.
        host: On which that api runs.
        warnings: What an operator should fix, such as parts of different releases.
        problems: Why a part cannot work, by part: `nats`, `runner`, `history`, `queue`.
    """

    version: str
    host: str
    warnings: list[str] = []
    problems: dict[str, str] = {}
    queue: Queue = Queue()
    runners: list[Runner] = []
    histories: list[HistoryService] = []
    streams: list[Stream] = []


class Event(Model, frozen=True, kw_only=True):
    """An event; `data` are its own fields, `cloud_event` has those around it too.

    The name `gap` is no event: those with the sequences after `data["after"]` until `data["until"]` are not
    stored any more.
    """

    sequence: int
    name: str
    data: Mapping[str, Any]
    cloud_event: Mapping[str, Any] = {}

    @property
    def id(self) -> str:
        """Names the event; the same whenever it is sent again."""
        return str(self.cloud_event.get("id", ""))


class RunKey(Model, frozen=True, kw_only=True):
    """Names a run; `joined` when it was there already."""

    job: str
    id: str
    joined: bool = False


def duration_of(text: str) -> timedelta:
    """Returns a duration that is written `00:01:00.25`, or `1.02:03:04` from a day on."""
    hours, minutes, seconds = text.split(":")
    days, _, hours = hours.rpartition(".")
    return timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
