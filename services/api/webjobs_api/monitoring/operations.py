"""Health and metrics, described."""

from collections.abc import Mapping

from webjobs_api.http.operation import Operation, json_of, text

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
    "GET /metrics": Operation(
        tag="Operations",
        summary="Read the metrics",
        description="Of this api, and with the labels `service` and `instance` of all runners and histories; "
        "`webjobs_up` is 0 for one that did not reply within a second.",
        answers={200: text("For Prometheus.")},
    ),
}
