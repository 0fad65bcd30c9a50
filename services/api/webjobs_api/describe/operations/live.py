"""Operations that stream events and logs as they happen."""

from collections.abc import Mapping

from webjobs_api.backends.event_filter import KINDS, NAMES
from webjobs_api.describe.operation import TEXT, Answer, Operation, Parameter, text
from webjobs_api.describe.operations.files import RANGE

_EVENT_STREAM = "text/event-stream"
_SEQUENCE = {"type": "integer", "minimum": 0}
_FILTER = Parameter(
    name="filter", schema={"type": "string"}, description="Only lines that hold this text, whatever its case."
)


def _several(name: str, values: Mapping[str, object], description: str) -> Parameter:
    return Parameter(name=name, schema={"type": "array", "items": values}, description=description)


def _log_stream(summary: str) -> Operation:
    return Operation(
        tag="Live",
        summary=summary,
        query=(_FILTER,),
        answers={200: text("Lines as they are written, without an end.")},
        errors=(404,),
    )


_LOG_STREAMS = {
    "": _log_stream("Follow what all jobs write"),
    "application": _log_stream("Follow what all jobs write"),
    "{type}/{job}": _log_stream("Follow what a job writes"),
    "{type}/{job}/{source}": _log_stream("Follow what a run or an instance writes"),
}

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/jobs/triggered/{job}/history/{id}/log": Operation(
        tag="Logs",
        summary="Read or follow a run's output",
        description="With `Accept: text/event-stream` the log is followed until the run has ended: the id of "
        "an event is the offset in bytes of what comes next, the last event is named `end`. An event named "
        "`partial` holds a line that has not ended.",
        query=(
            Parameter(name="offset", schema=_SEQUENCE, description="Bytes that the client has already."),
            Parameter(
                name="follow",
                schema={"type": "string", "examples": ["1"]},
                description="With 1 or true, go on as more is written, as plain text.",
            ),
        ),
        headers=(
            Parameter(
                name="Last-Event-ID",
                schema={"type": "string"},
                description="Id of the last event that was taken.",
            ),
            RANGE,
        ),
        answers={
            200: Answer(
                description="What was written until now, or as it is written.",
                content={TEXT: {"type": "string"}, _EVENT_STREAM: {"type": "string"}},
            ),
            204: Answer(description="The client has had the `end` already."),
            206: Answer(
                description="A part of the log of a run that has ended.",
                content={TEXT: {"type": "string"}},
                headers={"Content-Range": "Which part, and of how many bytes."},
            ),
        },
        errors=(400, 404, 416),
        problems=True,
    ),
    "GET /api/events": Operation(
        tag="Live",
        summary="Follow what happens",
        description="Server-sent events in the order of the stream, without gaps. `id` is the sequence in "
        "the stream, `event` the event's name, `data` the event as CloudEvents JSON.",
        query=(
            _several("type", {"type": "string", "enum": KINDS}, "Only events of these types."),
            _several("job", {"type": "string", "minLength": 1}, "Only events of these jobs."),
            _several("event", {"type": "string", "enum": NAMES}, "Only events of these names."),
            Parameter(name="after", schema=_SEQUENCE, description="Begin after this sequence of the stream."),
            Parameter(
                name="from",
                schema={"type": "string", "enum": ["now", "first"]},
                description="Begin now, or with the first event there ever was.",
            ),
        ),
        headers=(
            Parameter(
                name="Last-Event-ID", schema=_SEQUENCE, description="Go on after this sequence of the stream."
            ),
        ),
        answers={
            200: Answer(
                description="Events, without an end.",
                content={_EVENT_STREAM: {"type": "string"}},
                headers={"Webjobs-Sequence": "Sequence after which the answer begins."},
            )
        },
        errors=(400,),
        problems=True,
    ),
    **{
        f"GET {prefix}/{rest}".rstrip("/"): operation
        for prefix in ("/api/logstream", "/logstream")
        for rest, operation in _LOG_STREAMS.items()
    },
}
