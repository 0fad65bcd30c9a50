"""What operators and tools ask: health, metrics, and the descriptions of the api itself."""

from collections.abc import Mapping
from typing import Any

from webjobs_api.openapi.operation import Operation, json_of, text

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
    "GET /openapi.json": Operation(
        tag=_DESCRIPTIONS,
        summary="Describe this api",
        answers={200: json_of(dict[str, Any], "This document.")},
    ),
    "GET /healthz": Operation(
        tag=_OPERATIONS,
        summary="Ask whether all is well",
        answers={
            200: json_of(_HEALTH, "NATS is connected, a runner is alive, and history answers."),
            503: json_of(_HEALTH, "Something is missing."),
        },
    ),
    "GET /metrics": Operation(
        tag=_OPERATIONS,
        summary="Read the metrics",
        answers={200: text("For Prometheus.")},
    ),
}
