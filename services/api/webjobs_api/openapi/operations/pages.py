"""Pages for people."""

from collections.abc import Mapping

from webjobs_api.openapi.operation import Answer, Body, Operation, nothing, text

_HTML = "text/html"
_NOT_DONE: Mapping[int, Answer] = {
    status: text(says, _HTML)
    for status, says in {
        400: "The page, saying what cannot be.",
        404: "A page that says so.",
        409: "The page, saying why not now.",
        413: "The page, saying what is too large.",
        503: "A page that says what is away.",
    }.items()
}
_BACK = nothing("Done: back to the page.", Location="Of the page.")


def _page(summary: str, *errors: int) -> Operation:
    answers = {200: text("The page.", _HTML), **{status: _NOT_DONE[status] for status in errors}}
    return Operation(tag="Pages", summary=summary, answers=answers)


def _button(summary: str, body: Body | None = None) -> Operation:
    return Operation(tag="Pages", summary=summary, body=body, answers={303: _BACK, **_NOT_DONE})


_FORM = Body(
    says="The form of the page.",
    content={
        "application/x-www-form-urlencoded": {
            "type": "object",
            "properties": {"arguments": {"type": "string"}},
        }
    },
    is_required=False,
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /": _page("Show all jobs", 503),
    "GET /jobs/{type}/{job}": _page("Show a job", 400, 404, 503),
    "POST /jobs/triggered/{job}/run": _button("Run a job by its button", _FORM),
    "POST /jobs/continuous/{job}/start": _button("Enable a job by its button"),
    "POST /jobs/continuous/{job}/stop": _button("Disable a job by its button"),
}
