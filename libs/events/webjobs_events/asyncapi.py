"""Message types and subjects → the AsyncAPI 3.0 document; pure."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from webjobs_rules.job import JobType
from webjobs_rules.log_format import ERRORS_HEADER, FILE_HEADER, LINE_HEADER, OFFSET_HEADER

from webjobs_events.commands import (
    AnyCommand,
    Command,
    CommandReply,
    ImportRuns,
    RestartContinuousJob,
    RunTriggeredJob,
    StartContinuousJob,
    StopContinuousJob,
)
from webjobs_events.envelope import MESSAGE_ID_HEADER, event_type
from webjobs_events.events import EVENT_TYPES, Event, schema_file
from webjobs_events.schemas import schema_components
from webjobs_events.subjects import Subjects

_REFERENCE = "#/components/schemas/{name}"
_JSON = "application/json"
_TEXT = {"type": "string"}
DEFAULT_SERVERS = ("nats://127.0.0.1:4222",)
_OF_ONE_TYPE: Mapping[type[Command], JobType] = {
    RunTriggeredJob: JobType.TRIGGERED,
    ImportRuns: JobType.TRIGGERED,
    StartContinuousJob: JobType.CONTINUOUS,
    RestartContinuousJob: JobType.CONTINUOUS,
    StopContinuousJob: JobType.CONTINUOUS,
}

PARAMETERS: Mapping[str, dict[str, Any]] = {
    "job": {
        "description": "The job's name as one token: each byte of its UTF-8 outside A-Z a-z 0-9 _ - is =HH.",
        "examples": ["hello", "nightly=2Ereport"],
    },
    "type": {"description": "The type of the job.", "enum": [each.value for each in JobType]},
    "slot": {"description": "A run id, or the number of a slot, where a job may have several runs."},
    "instance": {"description": "Six hexadecimal digits that name a runner.", "examples": ["327e1e"]},
    "source": {"description": "A run id of a triggered job, or the id of a continuous job's runner."},
    "event": {"description": "The event that hooks subscribe to.", "examples": ["PostDeployment"]},
    "hook": {"description": "The id of a hook."},
    "service": {"description": "Who could not read the message.", "enum": ["api", "history", "runner"]},
}
"""What the parts of a subject in braces stand for."""


def build_asyncapi(
    subjects: Subjects, version: str, servers: Iterable[str] = DEFAULT_SERVERS
) -> dict[str, Any]:
    """Returns the document about every event, every command, and the other messages in the streams.

    Args:
        subjects: Under the namespace of this installation.
        version: Of webjobs.
        servers: URLs of the NATS servers, without credentials.
    """
    commands: tuple[type[Command], ...] = get_args(AnyCommand)
    _, schemas = schema_components([*EVENT_TYPES.values(), *commands, CommandReply], _REFERENCE)
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {"command.reply": _reply_message(), **_other_messages()}
    for (kind, name), described in EVENT_TYPES.items():
        key = f"{kind}.{name}"
        messages[key] = _event_message(kind, name, described)
        address = _event_address(subjects, kind, name)
        channels[key] = _channel(address, f"{name} of {_ABOUT[kind]}.", subjects.events_stream, key)
        operations[f"send.{key}"] = _operation("send", key, messages[key]["summary"])
    for command in commands:
        key = f"command.{command.verb}"
        messages[key] = _command_message(command)
        for name, address in _command_addresses(subjects, command).items():
            channels[name] = _channel(address, messages[key]["summary"], subjects.commands_stream, key)
            operations[f"receive.{name}"] = _operation("receive", name, messages[key]["summary"])
            if command is not RunTriggeredJob:
                operations[f"receive.{name}"]["reply"] = _REPLY
    channels |= _other_channels(subjects)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "webjobs",
            "version": version,
            "description": "Every change of state is an event on NATS JetStream: any client may subscribe "
            "to and replay from the first. Commands are internal: use the HTTP api instead.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {f"nats-{number}": _server(url) for number, url in enumerate(servers, 1)},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _server(url: str) -> dict[str, str]:
    protocol, _, host = url.partition("://")
    return {"host": host.rstrip("/"), "protocol": protocol}


_ABOUT = {
    "triggered": "a triggered job",
    "continuous": "a continuous job",
    "instance": "a runner",
}
_REPLY = {
    "address": {"location": "$message.payload#/reply_to", "description": "Where the asker waits."},
    "channel": {"$ref": "#/channels/command.reply"},
}


def _channel(address: str | None, description: str, stream: str, message: str) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }
    parameters = {name: value for name, value in PARAMETERS.items() if f"{{{name}}}" in (address or "")}
    if parameters:
        channel["parameters"] = parameters
    return channel | {"x-jetstream-stream": stream} if stream else channel


def _operation(action: str, channel: str, description: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": description}


# Events


def _event_address(subjects: Subjects, kind: str, name: str) -> str:
    if kind == "instance":
        return subjects.instance_event("{instance}", name)
    return subjects.job_event(kind, "*", name).replace("*", "{job}")


def _event_message(kind: str, name: str, described: type[Event]) -> dict[str, Any]:
    return {
        "name": event_type(kind, name),
        "title": name,
        "summary": _first_sentence(described),
        "contentType": _JSON,
        "headers": _event_headers(kind, name),
        "payload": {"$ref": _REFERENCE.format(name=described.__name__)},
    }


def _event_headers(kind: str, name: str) -> dict[str, Any]:
    """CloudEvents 1.0 in binary mode, as `encode_event` writes them."""
    known = {
        MESSAGE_ID_HEADER: {**_TEXT, "description": "The same as ce-id."},
        "ce-specversion": {"const": "1.0"},
        "ce-id": {**_TEXT, "description": "Derived from what happened: a repeat has the same."},
        "ce-type": {"const": event_type(kind, name)},
        "ce-source": {**_TEXT, "pattern": "^/runners/", "description": "Who wrote it."},
        "ce-subject": {**_TEXT, "description": "What it is about."},
        "ce-time": {**_TEXT, "format": "date-time"},
        "ce-dataschema": {"const": f"/schemas/{schema_file(kind, name)}"},
        "content-type": {"const": _JSON},
    }
    optional = {
        "ce-correlationid": {**_TEXT, "description": "The command at the beginning."},
        "ce-causationid": {**_TEXT, "description": "The command or event just before."},
        "traceparent": {**_TEXT, "description": "The trace it belongs to."},
        "tracestate": {**_TEXT, "description": "What tracing systems added to the trace."},
    }
    return {"type": "object", "properties": known | optional, "required": list(known)}


# Commands


def _command_addresses(subjects: Subjects, command: type[Command]) -> dict[str, str]:
    """Subjects by name of the channel; a run's has a slot where its job may have several."""
    job_type = _OF_ONE_TYPE.get(command)
    address = subjects.command(JobType.TRIGGERED, "*", command.verb).replace("*", "{job}")
    if job_type is None:
        address = address.replace(f".{JobType.TRIGGERED}.", ".{type}.")
    else:
        address = address.replace(f".{JobType.TRIGGERED}.", f".{job_type}.")
    addresses = {f"command.{command.verb}": address}
    if command is RunTriggeredJob:
        addresses[f"command.{command.verb}.slot"] = f"{address}.{{slot}}"
    return addresses


def _command_message(command: type[Command]) -> dict[str, Any]:
    return {
        "name": command.__name__,
        "title": command.verb,
        "summary": _first_sentence(command),
        "contentType": _JSON,
        "headers": {
            "type": "object",
            "properties": {
                MESSAGE_ID_HEADER: {**_TEXT, "description": "The same as command_id."},
                "traceparent": {**_TEXT, "description": "The trace it belongs to."},
                "tracestate": {**_TEXT, "description": "What tracing systems added to the trace."},
            },
            "required": [MESSAGE_ID_HEADER],
        },
        "payload": {"$ref": _REFERENCE.format(name=command.__name__)},
    }


def _reply_message() -> dict[str, Any]:
    return {
        "name": CommandReply.__name__,
        "summary": _first_sentence(CommandReply),
        "contentType": _JSON,
        "payload": {"$ref": _REFERENCE.format(name=CommandReply.__name__)},
    }


# Logs, hooks and dead letters


def _other_messages() -> dict[str, Any]:
    return {
        "log": {
            "name": "LogChunk",
            "summary": "Whole lines of a log.",
            "contentType": "text/plain",
            "headers": {
                "type": "object",
                "properties": {
                    FILE_HEADER: {**_TEXT, "description": "Name of the log."},
                    OFFSET_HEADER: {**_TEXT, "description": "Bytes of the log before this chunk."},
                    LINE_HEADER: {**_TEXT, "description": "Number of the line in which it begins, from 1."},
                    ERRORS_HEADER: {**_TEXT, "description": "Error lines of the log before this chunk."},
                },
                "required": [FILE_HEADER, OFFSET_HEADER],
            },
            "payload": _TEXT,
        },
        "published": {
            "name": "Published",
            "summary": "What was given to the api to be sent to hooks, as it was given.",
            "contentType": _JSON,
            "payload": {"type": "object"},
        },
        "delivery": {
            "name": "Delivery",
            "summary": "One try to call a hook: when, and how it ended.",
            "contentType": _JSON,
            "payload": {"type": "object"},
        },
        "deadletter": {
            "name": "DeadLetter",
            "summary": "A copy of a message that could not be read.",
            "headers": {
                "type": "object",
                "properties": {
                    "Webjobs-Subject": {**_TEXT, "description": "Whence it came."},
                    "Webjobs-Reason": {**_TEXT, "description": "Why it cannot be read."},
                    "Webjobs-Size": {**_TEXT, "description": "Bytes that it had; at most 512 KiB are kept."},
                },
                "required": ["Webjobs-Subject", "Webjobs-Reason"],
            },
            "payload": {},
        },
    }


def _other_channels(subjects: Subjects) -> dict[str, Any]:
    letters = subjects.dead_letter("{service}")
    logs = f"{subjects.all_logs.removesuffix('>')}{{type}}.{{job}}.{{source}}"
    return {
        "command.reply": _channel(None, "The inbox of the sender of the command.", "", "command.reply"),
        "log": _channel(logs, "What scripts wrote, removed with the run.", subjects.logs_stream, "log"),
        "published": _channel(
            subjects.published("{event}"), "For hooks, kept for days.", subjects.published_stream, "published"
        ),
        "delivery": _channel(
            subjects.delivery("{hook}"), "Tries to call hooks.", subjects.deliveries_stream, "delivery"
        ),
        "deadletter": _channel(
            letters, "Messages that could not be read.", subjects.dead_letters_stream, "deadletter"
        ),
    }


def _first_sentence(described: type[Any]) -> str:
    return (described.__doc__ or "").strip().splitlines()[0]
