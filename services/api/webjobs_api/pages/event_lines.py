"""Events of the stream as pages show them: each in words, with its JSON; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import (
    Acknowledged,
    AcknowledgementWithdrawn,
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousPendingRestart,
    DiskLow,
    DiskOk,
    Event,
    InstanceEvent,
    JobChanged,
    JobEvent,
    ProcessEnded,
    Purged,
    RunEnded,
    RunEvent,
    RunImported,
    RunProgressed,
    ScheduleTicked,
    Term,
)
from webjobs_events.redaction import redacted_event
from webjobs_rules.amounts import counted, rough, size
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

from webjobs_api.events.cloud_event import cloud_event_json
from webjobs_api.http.urls import Urls
from webjobs_api.pages.formats import short_digest
from webjobs_api.wording.sentence import Sentence

_STATUSES = frozenset(Status)
_WORD = re.compile("(?<=[a-z])(?=[A-Z])")
_SENTENCES: Mapping[str, str] = {
    "Deployed": "New files were deployed",
    "SettingsChanged": "The settings were changed",
    "Enabled": "The job was enabled",
    "Disabled": "The job was disabled",
    "RestartRequested": "A restart was requested",
    "Removed": "The folder of the job was removed",
    "Deleted": "The job was deleted",
    "DeployFailed": "A deployment was refused",
    "SettingsRefused": "Settings were refused",
    "DependenciesPrepared": "The packages of the job are installed",
    "DependenciesFailed": "The packages of the job could not be installed",
    "InstanceStarted": "The runner started",
    "InstanceStopped": "The runner stopped",
    "InstanceLost": "The runner was lost",
    "DiskLow": "The disk is full",
    "DiskOk": "The disk has room again",
}
_TERMS: Mapping[Term, str] = {
    Term.CHANGE: "until it changes",
    Term.FOREVER: "for good",
}


_ENDED = {Status.SUCCESS: "succeeded", Status.FAILED: "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """An event in a list.

    Attributes:
        sequence: In the stream.
        name: Of the event, in words.
        status: The same as a status word; empty when it is none.
        at: When it happened; None when that cannot be read.
        about: Name of the job, or of the runner.
        url: Address of the run, or of the job; empty for a runner.
        text: What happened, as a sentence.
        json: The event as CloudEvents JSON, indented.
    """

    sequence: int
    name: str
    status: str
    at: datetime | None
    about: str
    url: str
    text: Sentence
    json: str


def event_line(subject: str, headers: Mapping[str, str], data: bytes, sequence: int, urls: Urls) -> EventLine:
    """A stored event as a line."""
    name = subject.rpartition(".")[2]
    body = redacted_event(name, data)
    cloud_event = cloud_event_json(headers, body, sequence).encode()
    try:
        event = decode_event(subject, headers, data)
    except UndecodableMessage:
        event = None
    return EventLine(
        sequence=sequence,
        name=_words(name),
        status=name if name in _STATUSES else "",
        at=event.at if event else None,
        about=_about(event) if event else "",
        url=_url(event, urls) if event else "",
        text=sentence(event) if event else Sentence("It cannot be read by this release."),
        json=msgspec.json.format(cloud_event, indent=2).decode(),
    )


def sentence(event: Event) -> Sentence:
    """What happened, as a sentence."""
    if isinstance(event, ScheduleTicked):
        many = f" and {counted(event.count - 1, 'later time')}" if event.count > 1 else ""
        reason = f": {event.reason}" if event.reason else ""
        return Sentence("Due ", event.due, _ended_by_stop(f"{many}: {event.outcome.value}{reason}"))
    if isinstance(event, Acknowledged):
        return _acknowledged(event)
    return Sentence(_ended_by_stop(_sentence(event)))


def _ended_by_stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _sentence(event: Event) -> str:
    if isinstance(event, RunEvent):
        return _of_run(event)
    if isinstance(event, ContinuousEvent):
        return _of_continuous(event)
    if isinstance(event, RunProgressed):
        return f"The run is at {event.progress:.0%}" + (f": {event.text}" if event.text else "")
    if isinstance(event, RunImported):
        ended = _ENDED.get(event.status, "was aborted")
        return f"A run that {ended} in another system ({event.source}) was imported"
    if isinstance(event, Purged):
        return f"{counted(len(event.run_ids), 'run')} left the history, which keeps {event.limit:,}"
    if isinstance(event, AcknowledgementWithdrawn):
        return f"{event.by} withdrew an acknowledgement"
    text = _SENTENCES.get(event.name, _words(event.name))
    if isinstance(event, DiskLow | DiskOk):
        return f"{text}: {size(event.free_bytes)} of {size(event.total_bytes)} are free"
    if isinstance(event, JobChanged) and event.name == "Deployed":
        return f"{text}: version {short_digest(event.digest)}"
    reason = getattr(event, "reason", "")
    return f"{text}: {reason}" if reason else text


def _acknowledged(event: Acknowledged) -> Sentence:
    reasons = ", ".join(each.kind.replace("_", " ") for each in event.covers)
    given = f"{event.by} acknowledged {reasons}"
    note = _ended_by_stop(f": {event.note}" if event.note else "")
    if event.until is not None:
        return Sentence(f"{given}; it ends ", event.until, note)
    return Sentence(f"{given}, {_TERMS[event.term]}{note}")


def _of_run(event: RunEvent) -> str:
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    if isinstance(event, RunEnded):
        why = _why(event)
        ended = _ENDED.get(event.status, "was aborted")
        return f"The run{again} {ended}: {why}" if why else f"The run{again} {ended}"
    if event.status is Status.RUNNING:
        return f"The run{again} started"
    return f"A run{again} was requested: {event.trigger}"


def _of_continuous(event: ContinuousEvent) -> str:
    if isinstance(event, ContinuousPendingRestart):
        return f"It ended{_ended(event)}; it starts again in {rough(event.restart_delay_seconds)}"
    if isinstance(event, ProcessEnded):
        return f"It has stopped{_ended(event)}"
    if isinstance(event, ContinuousInactiveInstance):
        return f"It stands by on {event.instance}: {event.held_by} runs it"
    words = {Status.INITIALIZING: "waits for its start", Status.STARTING: "starts", Status.RUNNING: "runs"}
    return f"It {words.get(event.status, 'is being stopped')} on {event.instance}"


def _ended(event: ProcessEnded) -> str:
    why = _why(event)
    return f" ({why.removesuffix('.')})" if why else ""


def _why(event: RunEnded | ProcessEnded) -> str:
    """Why something ended, as a part of a sentence; empty when that is not known."""
    why = event.evidence or (f"exit code {event.exit_code}" if event.exit_code is not None else "")
    return why[:1].lower() + why[1:]


def _about(event: Event) -> str:
    if isinstance(event, InstanceEvent):
        return event.about_instance
    return str(getattr(event, "job_name", ""))


def _url(event: Event, urls: Urls) -> str:
    name, run_id = getattr(event, "job_name", ""), getattr(event, "run_id", None)
    if not name:
        return ""
    if run_id:
        return urls.run_page(name, run_id)
    job_type = event.job_type if isinstance(event, JobEvent) else JobType(event.kind)
    return urls.page(job_type, name)


def _words(name: str) -> str:
    return _WORD.sub(" ", name).capitalize()
