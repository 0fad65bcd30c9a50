"""The life of one run of a triggered job."""

from typing import Any, ClassVar

import msgspec
from webjobs_rules.run_id import SentRunId
from webjobs_rules.status import Reason, Status

from webjobs_events.events.event import TriggeredEvent
from webjobs_events.instant import Instant
from webjobs_events.subjects import token_of


class RunEvent(TriggeredEvent, frozen=True, kw_only=True):
    """A step in the life of one run of a triggered job.

    Attributes:
        run_id: Of the run.
        attempt: 1, or more when the run is tried again.
        trigger: Who or what asked for it, such as `External - curl/8.5`.
        arguments: As given, before splitting; None when there were none.
        digest: Version of the package it runs.
        requested_at: When it was asked for.
        scheduled_for: The due time that asked for it; None when no schedule did.
        retry_of: The attempt before this one, by its run id; None for a first attempt.
        rerun_of: The run whose inputs it took again; None when they were its own.
    """

    status: ClassVar[Status]

    run_id: SentRunId
    attempt: int = 1
    trigger: str
    arguments: str | None = None
    digest: str
    requested_at: Instant
    scheduled_for: Instant | None = None
    retry_of: SentRunId | None = None
    rerun_of: SentRunId | None = None

    @property
    def event_id(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}/{self.attempt}/{self.name}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}"


class RunInitializing(RunEvent, frozen=True, kw_only=True, tag="Initializing"):
    """A runner has taken the run."""

    status: ClassVar[Status] = Status.INITIALIZING


class RunRunning(RunEvent, frozen=True, kw_only=True, tag="Running"):
    """The script's process was started at `at`."""

    status: ClassVar[Status] = Status.RUNNING

    script: str


class RunEnded(RunEvent, frozen=True, kw_only=True):
    """The run is over, and none of its processes is left.

    Attributes:
        started_at: When its process started; None when it never did.
        reason: Why it ended.
        exit_code: Of the script; None when it did not exit by itself.
        signal: That ended the script; None when none did.
        evidence: A sentence with the facts: limit, measured value, how to change it, processes left over.
        has_error_log: Whether the script wrote to its standard error.
        next_run_id: Run id of the next attempt; None when there is none.
        next_attempt_at: When that is begun at the earliest.
        output_log_bytes: Size of the output log, which the stream of logs may not hold whole yet; None when
            the author does not know it: the runner was lost, or is of an earlier release.
        error_log_bytes: Size of the error log; None as above.
        dropped_lines: Lines of the script that are missing in its log, because the disk was full or the
            log had reached its cap; None as above.
        cpu_seconds: CPU time, user and system, of the script's processes: of its main process, of the
            descendants that were waited for, and of those that outlived their parent. Processes that ended
            without a parent that waited for them are missing. None when it never started, or the author
            does not know it.
        peak_memory_bytes: The largest resident memory that a single one of them had; None as above.
        log_lines: Lines of the output log; None when they were not counted: too much of it was still to be
            shipped, or an earlier start of the runner wrote a part of it.
        first_error_line: Number of its first line of level ERROR or SYS ERROR, from 1; None when there is
            none, or `log_lines` is None.
        result: What the script wrote to WEBJOBS_RESULT_FILE, any JSON value; None when it wrote nothing, or
            more than fits into an event.
        result_bytes: Size of that file; None when there is none, or it is not valid.
        progress: The share that the script last wrote to WEBJOBS_PROGRESS_FILE, 0 to 1; None without one.
        progress_text: What it wrote behind it.
        warnings: What was wrong with these two files, as sentences.
    """

    started_at: Instant | None
    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    evidence: str = ""
    has_error_log: bool = False
    next_run_id: SentRunId | None = None
    next_attempt_at: Instant | None = None
    output_log_bytes: int | None = None
    error_log_bytes: int | None = None
    dropped_lines: int | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    log_lines: int | None = None
    first_error_line: int | None = None
    result: Any = None
    result_bytes: int | None = None
    progress: float | None = None
    progress_text: str = ""
    warnings: list[str] = msgspec.field(default_factory=list)


class RunSuccess(RunEnded, frozen=True, kw_only=True, tag="Success"):
    """The script exited with code 0."""

    status: ClassVar[Status] = Status.SUCCESS


class RunFailed(RunEnded, frozen=True, kw_only=True, tag="Failed"):
    """The script exited with another code, was killed by a limit, or could not be started."""

    status: ClassVar[Status] = Status.FAILED


class RunAborted(RunEnded, frozen=True, kw_only=True, tag="Aborted"):
    """The run was ended from outside: its runner was lost or stopped, or a client stopped the job."""

    status: ClassVar[Status] = Status.ABORTED


AnyRunEvent = RunInitializing | RunRunning | RunSuccess | RunFailed | RunAborted


class RunImported(TriggeredEvent, frozen=True, kw_only=True, tag="Imported"):
    """A run that another system carried out and recorded; the whole of it is in this one event.

    `at` is when it was imported, `instance` the runner that did it.

    Attributes:
        run_id: Of the run, as the other system named it.
        source: The other system, such as `azure`.
        imported_by: Who asked for it, such as `External - webjobs-cli/0.2`.
        host: Instance of the other system that ran it, as its log names it.
        status: A final status.
        trigger: What started it, in the words of the other system.
        requested_at: When it was asked for.
        started_at: When its script started.
        ended_at: When it ended.
        reason: Why it ended; `imported` when the other system did not record it.
        exit_code: Of the script; None when it is not known.
        evidence: A sentence with the facts; may be empty.
        has_error_log: Whether the script wrote to its standard error.
        output_log_bytes: Size of its output log, which the stream of logs has.
        error_log_bytes: Size of its error log.
        log_lines: Lines of the output log.
        first_error_line: Number of its first line of level ERROR or SYS ERROR; None when there is none.
        after_deletion: Sequence of the last deletion of the job, 0 without one: a run that is imported again
            afterwards is another event.
    """

    run_id: SentRunId
    source: str
    imported_by: str
    host: str
    status: Status
    trigger: str
    requested_at: Instant
    started_at: Instant
    ended_at: Instant
    reason: Reason
    exit_code: int | None = None
    evidence: str = ""
    has_error_log: bool = False
    output_log_bytes: int
    error_log_bytes: int
    log_lines: int
    first_error_line: int | None = None
    after_deletion: int = 0

    @property
    def event_id(self) -> str:
        return f"{self.about}/{self.name}/{self.after_deletion}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}"


class RunProgressed(TriggeredEvent, frozen=True, kw_only=True, tag="Progressed"):
    """How far a run is, as its script says. No step in its life: the status stays.

    Attributes:
        run_id: Of the run.
        attempt: 1, or more when the run is tried again.
        number: Counts these events of the attempt, from 1.
        progress: The share that is done, 0 to 1.
        text: What the script does; may be empty.
    """

    run_id: SentRunId
    attempt: int = 1
    number: int
    progress: float
    text: str = ""

    @property
    def event_id(self) -> str:
        return f"{self.about}/{self.attempt}/{self.name}/{self.number}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}"
