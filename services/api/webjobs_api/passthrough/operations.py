"""Requests that are led on to a continuous job's own server: every method, under every prefix."""

from collections.abc import Iterator, Mapping

from webjobs_api.http.operation import Answer, Body, Operation, Parameter
from webjobs_api.passthrough.forwarding import INSTANCE_HEADER

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD")
_CURRENT = "/api/continuouswebjobs"
_PREFIXES = (_CURRENT, "/api/continuousjobs", "/api/jobs/continuous", "/jobs/continuous")
_INSTANCE = Parameter(
    name=INSTANCE_HEADER,
    schema={"type": "string", "pattern": "^[0-9a-f]{6}$"},
    description="The only instance that may answer.",
)


def _operations() -> Iterator[tuple[str, Operation]]:
    for prefix in _PREFIXES:
        for rest in ("", "/{path}"):
            for method in _METHODS:
                yield f"{method} {prefix}/{{job}}/passthrough{rest}", _operation(method, prefix)


def _operation(method: str, prefix: str) -> Operation:
    takes_body = method not in ("GET", "HEAD")
    return Operation(
        tag="Ports of continuous jobs",
        summary="Ask a job's own server",
        description="The request goes on to the port WEBJOBS_PORT of the job; websockets do, too.",
        headers=(_INSTANCE,),
        body=Body(description="Whatever the job takes.", content={"*/*": {}}, is_required=False)
        if takes_body
        else None,
        answers={
            200: Answer(
                description="The job's own answer, with whatever status it has.",
                content={"*/*": {}},
                headers={
                    INSTANCE_HEADER: "Which instance has answered.",
                    "Content-Security-Policy": "A sandbox, unless WEBJOBS_PASSTHROUGH_SANDBOX is false.",
                },
            )
        },
        errors=(404, 502),
        error_texts={
            503: "The job is stopped, runs nowhere or does not listen, or a part of webjobs is away."
        },
        passes_on=True,
        deprecated=prefix != _CURRENT,
    )


OPERATIONS: Mapping[str, Operation] = dict(_operations())
