"""What may be asked of a runner: one frozen message for each verb, and the reply."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta
from webjobs_rules.arguments import bounded_arguments
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import SentRunId
from webjobs_rules.trace import TRACEPARENT, TRACESTATE, Trace, derived_trace, parse_trace

from webjobs_events.errors import MALFORMED, UndecodableMessage
from webjobs_events.instant import Instant
from webjobs_events.subjects import Subjects, token_of

Text = Annotated[str, Meta(max_length=1000)]
"""What a command repeats in events and headers, none of which may grow with what a publisher writes."""


@lru_cache(maxsize=64)  # each event of a run asks for the trace of its command
def _parsed_trace(traceparent: str, tracestate: str) -> Trace | None:
    return parse_trace([traceparent], [tracestate])


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """What every command carries.

    Attributes:
        command_id: Derived or minted once by the asker; a repeat with the same id is the same command.
        job_type: Of the job it is about.
        job_name: Of the job it is about.
        requested_at: When it was asked for.
        requested_by: Who asked, as far as known, such as `External - curl/8.5`.
        reply_to: Subject that awaits a `CommandReply`; None when no client waits.
        traceparent: The trace to which it belongs, as the header of this name; None: see `trace`.
        tracestate: As the header of this name.
    """

    verb: ClassVar[str]

    command_id: Text
    job_type: JobType
    job_name: JobName
    requested_at: Instant
    requested_by: Text
    reply_to: Text | None = None
    traceparent: Text | None = None
    tracestate: Text | None = None

    @property
    def trace(self) -> Trace:
        """The trace to which it belongs; one derived from its id when it names no valid one."""
        given = _parsed_trace(self.traceparent, self.tracestate or "") if self.traceparent else None
        return given or derived_trace(self.command_id, self.requested_at.isoformat())

    def subject(self, subjects: Subjects) -> str:
        """The subject it is published on."""
        return subjects.command(self.job_type, self.job_name, self.verb)

    def slots(self, subjects: Subjects) -> str | None:
        """Filter of the subjects that must be empty too for it to be accepted; None: only its own."""
        return None


class RunTriggeredJob(Command, frozen=True, kw_only=True, tag="run"):
    """Run a triggered job once, under this run id.

    Attributes:
        run_id: Of the run, or of its first attempt.
        arguments: As given, before splitting; None when there were none. At most 32 KiB: longer ones are
            cut when the command is read, to a length that is still refused.
        attempt: 1, or more when the run is tried again.
        slot: Last token of the subject when the job may have several commands; empty: it has one.
        may_repeat: Whether it may be sent again after the run has ended: the runner that takes it looks
            at the stream of events before anything is started.
        looked_until: With `may_repeat`: a sequence that the stream of events had reached before any client
            could request this run. Every event of the run comes later.
        scheduled_for: The due time that asks for it; None when no schedule does.
        rerun_of: The run whose inputs it takes again; None when they are its own.
    """

    verb: ClassVar[str] = "run"

    run_id: SentRunId
    arguments: str | None = None
    attempt: int = 1
    slot: Text = ""
    may_repeat: bool = False
    looked_until: int = 0
    scheduled_for: Instant | None = None
    rerun_of: SentRunId | None = None

    def subject(self, subjects: Subjects) -> str:
        """The subject it is published on."""
        return subjects.command(self.job_type, self.job_name, self.verb, self.slot)

    def slots(self, subjects: Subjects) -> str | None:
        """Without a slot: those of commands with one."""
        return None if self.slot else f"{self.subject(subjects)}.*"


class UploadKind(StrEnum):
    """How an upload becomes the job's files."""

    SCRIPT = "script"
    """The upload is the only file of the job."""
    ZIP = "zip"
    """The upload is an archive of all files of the job."""
    MERGE = "merge"
    """The upload is an archive laid over the files the job has already."""
    PACKAGE = "package"
    """Not an upload, but the stored package of an earlier version of the job, which stays stored."""


class DeployJob(Command, frozen=True, kw_only=True, tag="deploy"):
    """Make an upload the job's new version, or an earlier version its present one again.

    Attributes:
        upload: Name of the object in the bucket of packages. The runner removes an upload afterwards.
        kind: How to read it.
        file_name: Name of the script when `kind` is `script`.
        upgrade: Whether the versions of its packages are chosen again, though the declaration is the same.
        patch: What changes in the settings of the job with this version: a JSON merge patch (RFC 7396).
        run_id: The run of the triggered job that is requested when it has this version; None: none is.
    """

    verb: ClassVar[str] = "deploy"

    upload: Text
    kind: UploadKind
    file_name: Text | None = None
    upgrade: bool = False
    patch: dict[str, Any] = {}
    run_id: SentRunId | None = None

    @property
    def follow_up(self) -> RunTriggeredJob | None:
        """The command for the run that follows, the same whenever it is sent; None: none follows."""
        if self.run_id is None or self.job_type is not JobType.TRIGGERED:
            return None
        return RunTriggeredJob(
            command_id=f"run/{token_of(self.job_name)}/{self.run_id}",
            job_type=self.job_type,
            job_name=self.job_name,
            requested_at=self.requested_at,
            requested_by=self.requested_by,
            traceparent=self.traceparent,
            tracestate=self.tracestate,
            run_id=self.run_id,
            slot=self.run_id,
            may_repeat=True,
        )


class DeleteJob(Command, frozen=True, kw_only=True, tag="delete"):
    """Stop a job and remove it, its logs and its history."""

    verb: ClassVar[str] = "delete"


class StartContinuousJob(Command, frozen=True, kw_only=True, tag="start"):
    """Enable a continuous job."""

    verb: ClassVar[str] = "start"


class StopContinuousJob(Command, frozen=True, kw_only=True, tag="stop"):
    """Disable a continuous job: its processes are stopped on every instance."""

    verb: ClassVar[str] = "stop"


class RestartContinuousJob(Command, frozen=True, kw_only=True, tag="restart"):
    """Stop the processes of a continuous job on every instance that runs it, and start them again."""

    verb: ClassVar[str] = "restart"


class ChangeJobSettings(Command, frozen=True, kw_only=True, tag="settings"):
    """Replace the job's settings (the content of `settings.job`).

    Attributes:
        settings: The new ones.
        only_if: Refuse the change unless the present settings have one of these tags (`settings_tag`);
            None: whatever they are.
    """

    verb: ClassVar[str] = "settings"

    settings: dict[str, Any]
    only_if: list[Text] | None = None


class PatchJobSettings(Command, frozen=True, kw_only=True, tag="patch"):
    """Change some of the job's settings, and leave the others as they are when it is carried out.

    Attributes:
        patch: A JSON merge patch (RFC 7396): `null` removes a key.
        only_if: As in `ChangeJobSettings`.
    """

    verb: ClassVar[str] = "patch"

    patch: dict[str, Any]
    only_if: list[Text] | None = None


class ImportRuns(Command, frozen=True, kw_only=True, tag="import"):
    """Add to the history of a triggered job what another system recorded of its runs.

    Attributes:
        upload: Name of the object in the bucket of packages: a zip archive with the folder of each run. The
            runner removes it afterwards.
    """

    verb: ClassVar[str] = "import"

    upload: Text


JobCommand = (
    DeployJob
    | DeleteJob
    | StartContinuousJob
    | StopContinuousJob
    | RestartContinuousJob
    | ChangeJobSettings
    | PatchJobSettings
    | ImportRuns
)
"""The commands about a job's definition, answered with a `CommandReply`."""

AnyCommand = RunTriggeredJob | JobCommand

JOB_VERBS = ("deploy", "delete", "start", "stop", "restart", "settings", "patch", "import")
"""Verbs of `JobCommand`."""

JOB_QUEUE = "jobs"
"""Durable name under which all runners take them."""


class ReplyCode(StrEnum):
    """How a command about a definition ended."""

    DONE = "done"
    JOB_NOT_FOUND = "job_not_found"
    VERSION_GONE = "version_gone"
    BAD_UPLOAD = "bad_upload"
    NO_RUNNABLE_SCRIPT = "no_runnable_script"
    INVALID_SETTINGS = "invalid_settings"
    INVALID_DEPENDENCIES = "invalid_dependencies"
    DEPENDENCIES_UNAVAILABLE = "dependencies_unavailable"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    NO_SPACE = "no_space"
    FAILED = "failed"


class ImportOutcome(StrEnum):
    """What became of a run that was to be imported."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    """It was there already."""
    SKIPPED = "skipped"
    """Its files cannot be used."""


class ImportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run in the reply to `ImportRuns`.

    Attributes:
        run_id: Of the run.
        outcome: What became of it.
        reason: Why it was skipped, as a sentence; else empty.
    """

    run_id: SentRunId
    outcome: ImportOutcome
    reason: str = ""


class CommandReply(msgspec.Struct, frozen=True, kw_only=True):
    """A runner's answer.

    Attributes:
        code: How it ended.
        message: A sentence for the person who asked; empty when done.
        revision: Revision of the definition after the command; 0 when there is none.
        runs: To `ImportRuns`: each run of the upload, oldest first.
        has_followed: To `DeployJob`: `patch` and `run_id` were regarded too; runners of earlier releases
            pass them over.
        run_fault: To `DeployJob`: why the run that was to follow was not requested; else empty.
    """

    code: ReplyCode
    message: str = ""
    revision: int = 0
    runs: list[ImportedRun] = []
    has_followed: bool = False
    run_fault: str = ""


_decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_encoder = msgspec.json.Encoder()


def encode_command(command: Command) -> bytes:
    """A command as JSON."""
    return _encoder.encode(command)


def decode_command(subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> AnyCommand:
    """The command in a message; the trace of one that names none is that of the message's headers.

    Raises:
        UndecodableMessage: It is no command of this vocabulary.
    """
    try:
        command = _decoder.decode(data)
    except MALFORMED as error:
        raise UndecodableMessage(subject, str(error)) from error
    if headers and command.traceparent is None and TRACEPARENT in headers:
        trace = _parsed_trace(headers[TRACEPARENT], headers.get(TRACESTATE, ""))
        if trace is not None:
            command = msgspec.structs.replace(
                command, traceparent=trace.traceparent, tracestate=trace.tracestate
            )
    if isinstance(command, RunTriggeredJob):  # its events repeat the arguments, and must fit into a message
        arguments = bounded_arguments(command.arguments)
        if arguments != command.arguments:
            return msgspec.structs.replace(command, arguments=arguments)
    return command
