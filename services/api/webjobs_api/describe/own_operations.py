"""The descriptions of the api themselves, described."""

from collections.abc import Mapping
from typing import Any

from webjobs_api.describe.schemas import MEDIA_TYPE as SCHEMA_MEDIA_TYPE
from webjobs_api.describe.selection import NAMES
from webjobs_api.http.operation import Answer, Operation, Parameter, json_of, text

OPERATIONS: Mapping[str, Operation] = {
    "GET /docs": Operation(
        tag="Descriptions",
        summary="Show this api as a page",
        answers={200: text("The page.", "text/html")},
    ),
    "GET /openapi.json": Operation(
        tag="Descriptions",
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
        tag="Descriptions",
        summary="Describe the events and commands on NATS",
        answers={200: json_of(dict[str, Any], "An AsyncAPI 3.0 document.")},
    ),
    "GET /schemas/{file}": Operation(
        tag="Descriptions",
        summary="Read a JSON Schema",
        description="Of an event, as its `ce-dataschema` names it, or of `settings.job`.",
        answers={200: Answer(description="The schema.", content={SCHEMA_MEDIA_TYPE: {"type": "object"}})},
        errors=(404,),
        problems=True,
    ),
}
