"""Pages for people; a browser gets them under `/jobs` too, where a program gets data."""

from collections.abc import Mapping

from webjobs_api.http.kudu_responses import KuduContinuousJob, KuduTriggeredJob
from webjobs_api.http.operation import JSON, TEXT, Answer, Body, Operation, Schema, nothing, text

_HTML = "text/html"
_BOTH = "A client that names text/html in Accept gets the page, any other the data."
_ANY_JOB = {"anyOf": [KuduTriggeredJob, KuduContinuousJob]}
_NOT_DONE: Mapping[int, Answer] = {
    status: Answer(description=description, content={_HTML: {"type": "string"}, TEXT: {"type": "string"}})
    for status, description in {
        400: "The page, saying what cannot be.",
        404: "A page that says so.",
        409: "The page, saying why not now.",
        413: "The page, saying what is too large.",
        503: "A page that says what is away.",
        507: "The page, saying which disk is full.",
    }.items()
}
_BACK = nothing("Done: back to the page.", Location="Of the page.")


def _page(summary: str, *errors: int, data: Schema = None) -> Operation:
    found = text("The page.", _HTML)
    if data is not None:
        found = Answer(description="The page, or the data.", content={**found.content, JSON: data})
    return Operation(
        tag="Pages",
        summary=summary,
        description=_BOTH if data is not None else "",
        answers={200: found, **{status: _NOT_DONE[status] for status in errors}},
    )


def _button(summary: str, body: Body | None = None) -> Operation:
    answers = {303: _BACK, **_NOT_DONE}
    return Operation(tag="Pages", summary=summary, body=body, answers=answers, needs_room=False)


_FORM = Body(
    description="The form of the page.",
    content={
        "application/x-www-form-urlencoded": {
            "type": "object",
            "properties": {"arguments": {"type": "string"}},
            "additionalProperties": False,
        }
    },
    is_required=False,
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /": _page("Show all jobs", 503),
    "GET /pages/triggered/{job}": _page("Show a triggered job", 400, 404, 503),
    "GET /pages/continuous/{job}": _page("Show a continuous job", 400, 404, 503),
    "POST /pages/triggered/{job}/run": _button("Run a job by its button", _FORM),
    "POST /pages/triggered/{job}/history/{id}/cancel": _button("Cancel a run by its button"),
    "POST /pages/continuous/{job}/start": _button("Enable a job by its button"),
    "POST /pages/continuous/{job}/stop": _button("Disable a job by its button"),
    "GET /jobs": _page("Show all jobs, or list them", 503, data={"type": "array", "items": _ANY_JOB}),
    "GET /jobs/triggered/{job}": _page("Show a triggered job", 400, 404, 503, data=KuduTriggeredJob),
    "GET /jobs/continuous/{job}": _page("Show a continuous job", 400, 404, 503, data=KuduContinuousJob),
}
