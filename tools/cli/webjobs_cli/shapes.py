"""What commands print with `--json`, and which command prints which. Fields are only ever added."""

from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from webjobs_cli.log_lines import LogRow


class ContextRow(msgspec.Struct, frozen=True):
    """A context of `context list` and `context show`; passwords are never shown."""

    name: str
    url: str
    username: str
    password: str
    """How the password is had: `env:NAME`, `command:WORDS`, `stored`, `netrc`."""
    current: bool


class TargetShown(msgspec.Struct, frozen=True):
    """The server that commands speak to now, and what named it: `context show`."""

    url: str
    username: str | None
    source: str


class LintFinding(msgspec.Struct, frozen=True):
    """What is wrong or doubtful in the files of a job."""

    code: str
    """A stable word for programs, such as `no_runnable_script`."""
    level: Literal["error", "warning", "note"]
    """`error`: a server refuses the job, or a part of it; `warning`: it says so and goes on."""
    message: str


class DueTime(msgspec.Struct, frozen=True):
    """A due time, in UTC and as the clock of its zone shows it."""

    due: str
    local: str


class SchedulePreview(msgspec.Struct, frozen=True):
    """When a job is due."""

    schedule: str
    time_zone: str
    words: str
    next: list[DueTime]


class LintReport(msgspec.Struct, frozen=True):
    """What `lint` has found out about a folder or a script; null is what could not be."""

    path: str
    name: str
    type: str
    ok: bool
    """Whether there is no error."""
    script: str | None
    script_host: str | None
    interpreter: str | None
    """Where its program is on this machine; null as well for a script that is a program itself."""
    files: int
    size: int
    """Bytes of all files."""
    schedule: SchedulePreview | None
    findings: list[LintFinding]


class Difference(msgspec.Struct, frozen=True):
    """In what a run by `exec` differs from one by a runner."""

    code: str
    message: str


class ExecReport(msgspec.Struct, frozen=True):
    """How a script ended that `exec` has run."""

    name: str
    type: str
    run_id: str | None
    script: str
    command: list[str]
    status: str
    reason: str
    """As in events: `exit_code`, `signal`, `max_duration`, `cancelled`, `start_error`."""
    evidence: str
    exit_code: int | None
    signal: int | None
    duration_seconds: float
    differences: list[Difference]
    result: Any = None
    """What the script wrote into WEBJOBS_RESULT_FILE; null as well when it is too large for an event."""
    result_bytes: int | None = None
    progress: float | None = None
    """Share, 0 to 1, of the last line in WEBJOBS_PROGRESS_FILE."""
    progress_text: str = ""


class JobShown(msgspec.Struct, frozen=True):
    """A job, in `jobs`."""

    name: str
    type: str
    status: str | None
    """Of a triggered job, that of its latest run; null when it never ran."""
    disabled: bool
    attention: str | None
    """Why it needs attention: `failed`, `crash_loop`, `refused`, `long_run`, `missed`, `skipped`."""
    error: str | None
    """What is wrong with its files or settings."""
    latest_run: str | None
    """Run id."""
    latest_at: datetime | None
    """When the latest run ended, or was requested; of a continuous job, since when it is up."""
    next_due: datetime | None
    results: str
    """A letter for each of the last 20 runs, oldest first: `S`uccess, `F`ailed, `A`borted."""
    success_rate: float | None
    median_ms: int | None
    instances: int
    """On how many runners a continuous job is."""
    url: str


class Running(msgspec.Struct, frozen=True):
    """What runs now, in `ps`: a run, or a continuous job on one runner."""

    job: str
    type: str
    run: str | None
    """Run id; null of a continuous job."""
    status: str
    since: datetime | None
    seconds: float | None
    instance: str | None
    """The runner."""
    arguments: str | None
    trigger: str | None


class RunShown(msgspec.Struct, frozen=True):
    """A run of a triggered job."""

    run: str
    """`JOB/ID`, as commands take it."""
    job: str
    id: str
    status: str
    trigger: str
    arguments: str | None
    started_at: datetime
    """When its script started; before that, when it was requested."""
    ended_at: datetime | None
    seconds: float
    exit_code: int | None
    signal: int | None
    reason: str | None
    evidence: str
    instance: str
    """The runner."""
    attempt: int
    scheduled_for: datetime | None
    retry_of: str | None
    rerun_of: str | None
    next_run_id: str | None
    next_attempt_at: datetime | None
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    log_lines: int | None
    first_error_line: int | None
    package_digest: str
    url: str
    joined: bool = False
    """Whether `--if-running join` found it there already."""


class StoryLine(msgspec.Struct, frozen=True):
    """One thing that happened to a run."""

    at: datetime | None
    text: str


class RunStory(RunShown, frozen=True):
    """A run with its story, in `show`."""

    story: list[StoryLine] = []
    first_error: str | None = None
    """The text of its first line with an error."""


class Followed(msgspec.Struct, frozen=True):
    """What a followed run prints: lines of its log, and the run itself at last."""

    line: LogRow | None = None
    run: RunShown | None = None


class Cause(msgspec.Struct, frozen=True):
    """Why a job does not run, in `why`."""

    code: str
    text: str
    since: datetime | None
    until: datetime | None
    remedy: str | None


class Deployed(msgspec.Struct, frozen=True):
    """What `deploy` has uploaded, or would upload."""

    name: str
    type: str
    script: str | None
    """Null with `--dry-run`: the server chooses it."""
    files: int | None
    """Null of an archive."""
    bytes: int
    """Of the files, unpacked; of an archive, its own."""
    digest: str
    """SHA-256 of what is uploaded; the same folder has the same."""
    left_out: dict[str, int]
    """How many files were left out, by the path that was."""
    warnings: list[str]
    dry_run: bool
    url: str | None
    deployment: str | None = None
    """With `--no-wait`: the id of the deployment, which goes on."""
    upgraded: list[str] | None = None
    """With `--upgrade`: how the packages differ from those before, such as `~ requests 2.31 -> 2.32`."""


class LockedPackage(msgspec.Struct, frozen=True):
    """A package with its version."""

    name: str
    version: str
    marker: str = ""
    """Where it is installed, such as `python_full_version < '3.12'`; empty: everywhere."""


class LockUser(msgspec.Struct, frozen=True):
    """A job that uses a lock."""

    type: str
    name: str


class Preparation(msgspec.Struct, frozen=True):
    """The last preparation of an environment; `key` names the environment."""

    key: str
    at: datetime
    runner: str
    seconds: float
    reused: bool


class DependenciesShown(msgspec.Struct, frozen=True):
    """What a job needs: `deps`. `kind` is null when its files declare nothing."""

    kind: str | None
    input_digest: str
    lock_digest: str
    requires_python: str
    packages: list[LockedPackage]
    jobs: list[LockUser]
    prepared: Preparation | None
    lock: str | None
    """With `--lock`: the lock itself."""


ImportOutcome = Literal["imported", "unchanged", "differs", "refused"]


class SkippedPart(msgspec.Struct, frozen=True):
    """A part of what was to be imported that was not, and why."""

    what: str
    """A path, or the id of a run."""
    reason: str


class ImportedJob(msgspec.Struct, frozen=True):
    """A job of another system, in `import`."""

    name: str
    type: str
    outcome: ImportOutcome
    """Of its files and settings. `differs`: a job of this name with other files is here, and stays."""
    reason: str
    """Why it was refused, or what differs; else empty."""
    script: str | None
    disabled: bool
    schedule: str | None
    needs: list[str]
    """Products without which its script does not run, such as `Wine`."""
    missing_settings: list[str]
    """App settings that its files name, and that are not set here."""
    runs_imported: int
    runs_unchanged: int
    runs_beyond_history: int
    """Older than the newest runs that history keeps."""
    runs_skipped: list[SkippedPart]
    data_imported: list[str]
    """Paths of data files that are in the site folder now."""
    data_unchanged: int
    data_skipped: list[SkippedPart]
    warnings: list[str]


class ImportReport(msgspec.Struct, frozen=True):
    """What `import` has done, or would do."""

    source: str
    dry_run: bool
    complete: bool
    """Whether all that was found is here now; what history does not keep is not counted."""
    jobs: list[ImportedJob]
    skipped: list[SkippedPart]
    """What belongs to no job."""


class Done(msgspec.Struct, frozen=True):
    """What a command did to a job: `start`, `stop`, `restart`, `delete`."""

    name: str
    type: str
    done: str
    """`started`, `stopped`, `restarted`, `deleted`."""


class Part(msgspec.Struct, frozen=True):
    """A service or server, in `status`."""

    name: str
    """`api`, `runner`, `history` or `nats`."""
    instance: str
    up: bool
    facts: dict[str, float]
    """Figures by name, such as `disk_free_bytes`, `lag_events`, `slots_in_use`."""
    version: str | None = None
    """Its release; null when it is away or does not say."""


class StatusShown(msgspec.Struct, frozen=True):
    """How webjobs is: `status`."""

    url: str
    status: str
    """`ready`, or another word when a check failed."""
    version: str | None
    problems: dict[str, str]
    """Reasons by the check that failed."""
    notes: dict[str, str]
    parts: list[Part]
    counts: dict[str, int]
    """Figures of the jobs, such as `jobs`, `running`, `failed_24h`."""
    warnings: list[str] = []
    """What should be fixed though all works, such as parts of different releases."""


CheckLevel = Literal["ok", "note", "warning", "failed"]


class DoctorCheck(msgspec.Struct, frozen=True):
    """One thing that `doctor` has looked at."""

    id: str
    """A stable word for programs, such as `disk`, `interpreter_bash`, `server_history`."""
    level: CheckLevel
    message: str
    remedy: str = ""
    """What to do; empty when it is good."""


class SettingsShown(msgspec.Struct, frozen=True):
    """Settings of a job, or app settings."""

    job: str | None
    """Null of app settings."""
    type: str | None
    values: dict[str, Any]


class SettingsChanged(msgspec.Struct, frozen=True):
    """Which settings were changed."""

    job: str | None
    type: str | None
    changed: list[str]
    warnings: list[str]


class DueShown(msgspec.Struct, frozen=True):
    """When a job is due, in `schedule next`."""

    job: str
    due: datetime
    local: str
    """By the clock of the job's time zone; in the list of all jobs, of this machine."""
    time_zone: str | None
    held_back: str | None
    """Why it is not started all the same."""


class EventShown(msgspec.Struct, frozen=True):
    """An event."""

    sequence: int
    event: str
    """Its name; `gap` when events are not stored any more."""
    at: datetime | None
    subject: str | None
    """`TYPE/JOB` or `TYPE/JOB/RUN`."""
    data: dict[str, Any]


class HookShown(msgspec.Struct, frozen=True):
    """An address that is called for events."""

    id: str
    event: str
    url: str
    type: str | None
    """Only of jobs of this type."""
    job: str | None
    """Only of this job."""
    is_signed: bool
    insecure_ssl: bool
    last_status: str | None
    last_reason: str | None
    last_datetime: datetime | None
    created_at: datetime


class DeliveryShown(msgspec.Struct, frozen=True):
    """One try to call a hook."""

    delivery_id: str
    event: str
    attempt: int
    time: datetime
    duration_ms: int
    status: int | None
    reason: str
    outcome: str
    """`delivered`, `will_retry`, `gave_up`, `unsubscribed`, `failed`."""
    next_time: datetime | None
    sequence: int


class HookDone(msgspec.Struct, frozen=True):
    """What was done to a hook."""

    id: str
    done: str


class Printed(NamedTuple):
    """What a command prints with `--json`."""

    form: Literal["array", "object", "stream"]
    """`stream`: an object on each line."""
    type: type[msgspec.Struct]


PRINTED: dict[str, Printed] = {
    "jobs": Printed("array", JobShown),
    "ps": Printed("array", Running),
    "runs": Printed("array", RunShown),
    "show": Printed("object", RunStory),
    "why": Printed("array", Cause),
    "run": Printed("object", RunShown),
    "run --follow": Printed("stream", Followed),
    "rerun": Printed("object", RunShown),
    "rerun --follow": Printed("stream", Followed),
    "wait": Printed("object", RunShown),
    "logs": Printed("stream", LogRow),
    "cancel": Printed("object", RunShown),
    "start": Printed("object", Done),
    "stop": Printed("object", Done),
    "restart": Printed("object", Done),
    "deploy": Printed("object", Deployed),
    "import azure": Printed("object", ImportReport),
    "deps": Printed("object", DependenciesShown),
    "delete": Printed("object", Done),
    "status": Printed("object", StatusShown),
    "settings get": Printed("object", SettingsShown),
    "settings set": Printed("object", SettingsChanged),
    "settings unset": Printed("object", SettingsChanged),
    "settings edit": Printed("object", SettingsChanged),
    "schedule next": Printed("array", DueShown),
    "schedule explain": Printed("object", SchedulePreview),
    "events": Printed("stream", EventShown),
    "hooks list": Printed("array", HookShown),
    "hooks add": Printed("object", HookShown),
    "hooks test": Printed("object", DeliveryShown),
    "hooks deliveries": Printed("array", DeliveryShown),
    "hooks redeliver": Printed("object", DeliveryShown),
    "hooks remove": Printed("object", HookDone),
    "context list": Printed("array", ContextRow),
    "context show": Printed("object", TargetShown),
    "doctor": Printed("array", DoctorCheck),
    "exec": Printed("object", ExecReport),
    "lint": Printed("object", LintReport),
    "context test": Printed("object", TargetShown),
}
