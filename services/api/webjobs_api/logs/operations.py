"""Logs as files, as they are written, and of one run, described."""

from collections.abc import Mapping

from webjobs_api.http.operation import EVENT_STREAM, TEXT, Answer, Operation, Parameter, text
from webjobs_api.http.parameters import FOLLOW, RANGE, SEQUENCE

_FILTER = Parameter(
    name="filter", schema={"type": "string"}, description="Only lines that hold this text, whatever its case."
)


def _log(summary: str, description: str = "") -> Operation:
    return Operation(
        tag="Logs",
        summary=summary,
        description=description,
        query=(FOLLOW,),
        answers={200: text("What was written until now, in UTF-8.")},
        errors=(404,),
    )


_LOGS = {
    "data/jobs/continuous/{job}/job.log": _log(
        "Read a continuous job's own log", "The first lines of each start, of all instances."
    ),
    "data/jobs/continuous/{job}/job_log.txt": _log(
        "Read a continuous job's own log by Kudu's name", "The first lines of each start, of all instances."
    ),
    "LogFiles/Application/continuous/{job}.log": _log("Read everything a continuous job wrote"),
}


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
    **{
        f"GET {prefix}/{path}": operation
        for path, operation in _LOGS.items()
        for prefix in ("/vfs", "/api/vfs")
    },
    "GET /api/jobs/triggered/{job}/history/{id}/log": Operation(
        tag="Logs",
        summary="Read or follow a run's output",
        description="With `Accept: text/event-stream` the log is followed until the run has ended: the id of "
        "an event is the offset in bytes of what comes next, the last event is named `end`. An event named "
        "`partial` holds a line that has not ended.",
        query=(
            Parameter(name="offset", schema=SEQUENCE, description="Bytes that the client has already."),
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
                content={TEXT: {"type": "string"}, EVENT_STREAM: {"type": "string"}},
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
    **{
        f"GET {prefix}/{rest}".rstrip("/"): operation
        for prefix in ("/api/logstream", "/logstream")
        for rest, operation in _LOG_STREAMS.items()
    },
}
