"""App settings."""

from collections.abc import Mapping

from webjobs_api.http.operation import JSON, Body, Operation, json_of, nothing

_TAG = "App settings"
_VALUE = {"type": ["string", "number", "boolean"]}
_OBJECT = {"type": "object", "additionalProperties": _VALUE, "examples": [{"GREETING": "hello"}]}

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/settings": Operation(
        tag=_TAG,
        summary="List app settings",
        description="Those of the environment that webjobs obeys are among them.",
        answers={200: json_of(dict[str, str], "Value by name.")},
        viewers=False,
    ),
    "POST /api/settings": Operation(
        tag=_TAG,
        summary="Set app settings",
        description="All of the body or, when one of them cannot be, none. They take effect at once.",
        body=Body(description="Value by name.", content={JSON: _OBJECT}),
        answers={204: nothing("They are in effect.")},
        errors=(400, 413),
    ),
    "GET /api/settings/{key}": Operation(
        tag=_TAG,
        summary="Read an app setting",
        answers={200: json_of(str, "Its value.")},
        viewers=False,
        errors=(404,),
    ),
    "DELETE /api/settings/{key}": Operation(
        tag=_TAG,
        summary="Take an app setting away",
        answers={204: nothing("It is not set, except perhaps in the services' environment.")},
        errors=(400,),
    ),
}
