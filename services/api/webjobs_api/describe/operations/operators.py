"""What operators and tools ask: health, metrics, and the descriptions of the api itself."""

from collections.abc import Mapping
from typing import Any

from webjobs_api.describe.operation import Answer, Operation, Parameter, json_of, text
from webjobs_api.describe.schemas import MEDIA_TYPE as SCHEMA_MEDIA_TYPE
from webjobs_api.describe.selection import NAMES

_HEALTH = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ready", "not ready"]},
        "checks": {"type": "array", "items": {"type": "string"}},
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["status"],
}
_OPERATIONS, _DESCRIPTIONS = "Operations", "Descriptions"

OPERATIONS: Mapping[str, Operation] = {
    "GET /docs": Operation(
        tag=_DESCRIPTIONS,
        summary="Show this api as a page",
        answers={200: text("The page.", "text/html")},
    ),
    "GET /openapi.json": Operation(
        tag=_DESCRIPTIONS,
        summary="Describe this api",
        query=(
            Parameter(
                name="dialect",
                schema={"type": "string", "enum": list(NAMES)},
                description="Describe the routes of this dialect alone, with the schemas they use.",
            ),
        ),
        answers={200: json_of(dict[str, Any], "This document.")},
        errors=(400,),
    ),
    "GET /asyncapi.json": Operation(
        tag=_DESCRIPTIONS,
        summary="Describe the events and commands on NATS",
        answers={200: json_of(dict[str, Any], "An AsyncAPI 3.0 document.")},
    ),
    "GET /schemas/{file}": Operation(
        tag=_DESCRIPTIONS,
        summary="Read a JSON Schema",
        description="Of an event, as its `ce-dataschema` names it, or of `settings.job`.",
        answers={200: Answer(description="The schema.", content={SCHEMA_MEDIA_TYPE: {"type": "object"}})},
        errors=(404,),
        problems=True,
    ),
    "GET /healthz": Operation(
        tag=_OPERATIONS,
        summary="Ask whether all is well",
        answers={
            200: json_of(_HEALTH, "JetStream stores, a runner is alive, and history answers."),
            503: json_of(_HEALTH, "`missing` gives the reason for each check that failed."),
        },
    ),
    "GET /metrics": Operation(
        tag=_OPERATIONS,
        summary="Read the metrics",
        description="Of this api, and with the labels `service` and `instance` of all runners and histories; "
        "`webjobs_up` is 0 for one that did not reply within a second.",
        answers={200: text("For Prometheus.")},
    ),
}
