"""Health and metrics, described."""

from collections.abc import Mapping

from webjobs_api.http.operation import Operation, json_of, text
from webjobs_api.monitoring.system import SystemJson

_HEALTH = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["ready", "not ready"]},
        "checks": {"type": "array", "items": {"type": "string"}},
        "missing": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["status"],
}

OPERATIONS: Mapping[str, Operation] = {
    "GET /healthz": Operation(
        tag="Operations",
        summary="Ask whether all is well",
        answers={
            200: json_of(_HEALTH, "JetStream stores, a runner is alive, and history answers."),
            503: json_of(_HEALTH, "`missing` gives the reason for each check that failed."),
        },
    ),
    "GET /api/system": Operation(
        tag="Operations",
        summary="List the parts of webjobs",
        description="Runners, histories, the queue and the streams, with their releases. A part that is away "
        "is named in `problems`, and the others are shown.",
        answers={200: json_of(SystemJson, "What webjobs consists of.")},
    ),
    "GET /metrics": Operation(
        tag="Operations",
        summary="Read the metrics",
        description="Of this api, and with the labels `service` and `instance` of all runners and histories; "
        "`webjobs_up` is 0 for one that did not reply within a second.",
        answers={200: text("For Prometheus.")},
    ),
}
