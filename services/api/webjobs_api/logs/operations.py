"""Logs as files, as they are written, and of one run, described."""

from collections.abc import Mapping

from webjobs_api.http.operation import EVENT_STREAM, JSON, TEXT, Answer, Operation, Parameter, json_of, text
from webjobs_api.http.parameters import FOLLOW, RANGE, SEQUENCE
from webjobs_api.logs.line_handlers import LINES, LONGEST_TEXT, MOST_LINES, LogWindow
from webjobs_api.logs.log_search import SearchResult

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


def _lines(name: str, description: str, most: int | None = None) -> Parameter:
    schema = {"type": "integer", "minimum": 1} | ({"maximum": most} if most else {})
    return Parameter(name=name, schema=schema, description=description)


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
        "`partial` holds a line that has not ended. With `line`, `tail`, `around` or `lines` the answer is a "
        "window of lines as JSON, read in a time that does not grow with the log.",
        query=(
            _lines("line", "Number of the first line of a window, from 1."),
            _lines("tail", f"The last so many lines, at most {MOST_LINES}."),
            _lines("around", "Number of a line in the middle of a window."),
            _lines("lines", f"How many lines a window has; {LINES} by default.", MOST_LINES),
            Parameter(name="offset", schema=SEQUENCE, description="Bytes that the client has already."),
            Parameter(
                name="follow",
                schema={"type": "string", "examples": ["1"]},
                description="With 1 or true, go on as more is written, as plain text.",
            ),
            Parameter(
                name="quiet",
                schema={"type": "string", "examples": ["1"]},
                description="With 1 or true, a followed log is events named `grown` with its size in bytes.",
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
                content={TEXT: {"type": "string"}, EVENT_STREAM: {"type": "string"}, JSON: LogWindow},
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
    "GET /api/jobs/triggered/{job}/history/{id}/log/search": Operation(
        tag="Logs",
        summary="Find lines of a run's output",
        description="Numbers of the lines that hold a text: as it is written, behind the mark of the "
        "line. A search ends after two seconds with what it has found.",
        query=(
            Parameter(
                name="q",
                schema={"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "examples": ["timeout"]},
                description="The text.",
                is_required=True,
            ),
            Parameter(
                name="case",
                schema={"type": "string", "examples": ["true"]},
                description="With true, letters of the other case are others.",
            ),
        ),
        answers={200: json_of(SearchResult, "The lines.")},
        errors=(400, 404),
        problems=True,
    ),
    **{
        f"GET {prefix}/{rest}".rstrip("/"): operation
        for prefix in ("/api/logstream", "/logstream")
        for rest, operation in _LOG_STREAMS.items()
    },
}
