"""Route table and descriptions → the OpenAPI 3.1 document."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from webjobs_events.schemas import schema_components

from webjobs_api.describe.error_statuses import EVERYWHERE, GUARDED, OF_BODIES, STATUS_DESCRIPTIONS
from webjobs_api.http.operation import PROBLEM, TEXT, Answer, Body, Operation, Parameter, Schema
from webjobs_api.http.parameters import PATH_PARAMETERS
from webjobs_api.http.problems import Problem

_PART = re.compile(r"\{(?P<name>\w+)(?::(?P<pattern>(?:[^{}]|\{[^{}]*\})+))?\}")
_WORDS = re.compile(r"[\w|]+")
_REFERENCE = "#/components/schemas/{name}"
_OPEN = frozenset({"/healthz", "/login", "/logout"})
_ANY_METHOD = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD")
_PLAIN = (str, int, float, bool, type(None))
_REFUSED_PARTS = {"{job}": 400, "{type}": 404}
_IF_NONE_MATCH = Parameter(
    name="If-None-Match", schema={"type": "string"}, description="The ETag of the answer that the client has."
)
_NOT_MODIFIED = Answer(description="The client has this answer already.")
_SCHEME = {"basic": {"type": "http", "scheme": "basic"}}


def canonical(path: str) -> str:
    """A route's path as people write it: without the patterns of its parts."""
    return _PART.sub(r"{\g<name>}", path)


def keys_of(route: web.RouteDef) -> list[str]:
    """The names under which a route is described: `GET /api/jobs/{type}/{job}`, one for each method."""
    methods = _ANY_METHOD if route.method == "*" else (route.method,)
    return [f"{method} {canonical(route.path)}" for method in methods]


def build_document(
    routes: Iterable[web.RouteDef], operations: Mapping[str, Operation], version: str
) -> dict[str, Any]:
    """The document about these routes.

    Args:
        routes: Without their forms with a trailing slash.
        operations: By `keys_of`; a route without one is described by its handler's docstring alone.
        version: Of webjobs.
    """
    described = [
        (key, route, operations.get(key) or _from_docstring(route))
        for route in routes
        for key in keys_of(route)
    ]
    schemas = _Schemas([schema for *_, operation in described for schema in _schemas_of(operation)])
    paths: dict[str, dict[str, Any]] = {}
    for key, route, operation in described:
        method, _, path = key.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(key, route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "webjobs",
            "version": version,
            "summary": "Runs scripts on request, on a schedule or for ever.",
            "description": "Errors are one sentence that says what to do. A trailing slash never matters, "
            "nor does the case of letters in a path and in the name of a query parameter. HEAD works "
            "wherever GET does, and OPTIONS names the methods of any path. JSON and text above 1 KB are "
            "compressed for clients that take gzip.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.chapter for *_, operation in described)],
        "security": [{"basic": []}, {}],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SCHEME},
    }


class _Schemas:
    """Every type that the operations speak of, described once."""

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self._types = [Problem, *(named for schema in schemas for named in _types_in(schema))]
        self._written, self.components = schema_components(self._types, _REFERENCE)

    def of(self, schema: Schema) -> Any:
        """The schema with every type in it replaced by its own schema, or a reference to that."""
        if isinstance(schema, dict):
            return {key: self.of(value) for key, value in schema.items()}
        if isinstance(schema, list):
            return [self.of(value) for value in schema]
        if isinstance(schema, _PLAIN):
            return schema
        return self._written[self._types.index(schema)]


def _types_in(schema: Schema) -> list[Any]:
    if isinstance(schema, dict):
        return [named for value in schema.values() for named in _types_in(value)]
    if isinstance(schema, list):
        return [named for value in schema for named in _types_in(value)]
    return [] if isinstance(schema, _PLAIN) else [schema]


def _schemas_of(operation: Operation) -> list[Schema]:
    contents = [answer.content for answer in operation.answers.values()]
    if operation.body is not None:
        contents.append(operation.body.content)
    parameters = [parameter.schema for parameter in (*operation.query, *operation.headers)]
    return [schema for content in contents for schema in content.values()] + parameters


def _operation(key: str, route: web.RouteDef, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    path = key.partition(" ")[2]
    parameters = [
        *(_parameter("path", parameter, schemas) for parameter in _path_parameters(route.path)),
        *(_parameter("query", parameter, schemas) for parameter in operation.query),
        *(_parameter("header", parameter, schemas) for parameter in operation.headers),
        *([_parameter("header", _IF_NONE_MATCH, schemas)] if operation.has_etag else []),
    ]
    described: dict[str, Any] = {
        "operationId": "_".join(re.findall(r"\w+", key.lower())),
        "tags": [operation.chapter],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": parameters,
        "requestBody": _body(operation.body, schemas) if operation.body else None,
        "responses": _responses(operation, path, route.method, schemas),
        "deprecated": operation.deprecated,
    }
    described = {name: value for name, value in described.items() if value}
    return described | {"security": []} if path in _OPEN else described


def _path_parameters(path: str) -> list[Parameter]:
    found = []
    for part in _PART.finditer(path):
        name, pattern = part["name"], part["pattern"]
        known = PATH_PARAMETERS.get(name)
        if pattern and "|" in pattern and _WORDS.fullmatch(pattern):
            schema: Schema = {"type": "string", "enum": pattern.split("|")}
            known = Parameter(name=name, schema=schema, description=known.description if known else "")
        found.append(known or Parameter(name=name, schema={"type": "string", "minLength": 1}, description=""))
    return found


def _parameter(place: str, parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path" or parameter.is_required,
        "description": parameter.description,
        "schema": schemas.of(parameter.schema),
    }


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    return {
        "description": body.description,
        "required": body.is_required,
        "content": {media: {"schema": schemas.of(schema)} for media, schema in body.content.items()},
    }


def is_refused_without_room(method: str, operation: Operation) -> bool:
    """Whether a route answers 507 while no runner has room on its disk."""
    return method in ("PATCH", "POST", "PUT") and operation.needs_room and not operation.passes_on


def _responses(operation: Operation, path: str, method: str, schemas: _Schemas) -> dict[str, Any]:
    described = {status: _answer(answer, schemas) for status, answer in operation.answers.items()}
    if operation.has_etag:
        described[304] = _answer(_NOT_MODIFIED, schemas)
    in_path = [status for part, status in _REFUSED_PARTS.items() if part in path]
    guarded = () if path in _OPEN else GUARDED
    late = OF_BODIES if operation.body is not None and not operation.passes_on else ()
    no_space = (507,) if is_refused_without_room(method, operation) else ()
    for status in (*operation.errors, *in_path, *EVERYWHERE, *late, *guarded, *no_space):
        described.setdefault(status, _error(status, operation, schemas))
    return {str(status): described[status] for status in sorted(described)}


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        described["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in answer.headers.items()
        }
    if answer.content:
        described["content"] = {
            media: {"schema": schemas.of(schema)} for media, schema in answer.content.items()
        }
    return described


def _error(status: int, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Schema] = {TEXT: {"type": "string"}}
    if operation.problems:
        content[PROBLEM] = Problem
    headers = {"Retry-After": "Seconds to wait before the next request."} if status in (429, 503) else {}
    description = operation.error_texts.get(status, STATUS_DESCRIPTIONS[status])
    return _answer(Answer(description=description, content=content, headers=headers), schemas)


def _from_docstring(route: web.RouteDef) -> Operation:
    """The description of a route without an operation: the first sentence of its handler's docstring."""
    first = (inspect.getdoc(route.handler) or canonical(route.path)).splitlines()[0]
    return Operation(
        tag="Others",
        summary=first.replace("`", ""),
        answers={200: Answer(description="Done.", content={"*/*": {}})},
        errors=(404, 409),
    )
