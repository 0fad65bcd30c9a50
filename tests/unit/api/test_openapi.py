"""The OpenAPI document: valid, of every route, and with every type it speaks of."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from webjobs_api.describe.document import build_document, canonical, keys_of
from webjobs_api.describe.handlers import encoded_document
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.selection import NAMES
from webjobs_api.routes import routes
from webjobs_service.health import health_routes

ROUTES = [*routes(), *health_routes({})]
KEYS = sorted({key for route in ROUTES for key in keys_of(route)})


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(encoded_document(routes(), "1.2.3")))


def values(node: Any, name: str) -> list[Any]:
    """Every value under this key, wherever it is."""
    if isinstance(node, dict):
        own = [node[name]] if name in node else []
        return own + [value for child in node.values() for value in values(child, name)]
    return [value for child in node for value in values(child, name)] if isinstance(node, list) else []


def test_the_document_keeps_the_rules_of_openapi(document: dict[str, Any]) -> None:
    OPENAPI_31_VALIDATOR.validate(document)
    for schema in values(document, "schema"):
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    told = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert told == set(KEYS)


def test_every_route_is_described_in_words() -> None:
    missing = sorted(set(KEYS) - set(OPERATIONS))
    assert not missing, "add an entry for each to the operations.py of its feature: see docs/development.md"


def test_no_description_is_of_a_route_that_is_not_there() -> None:
    assert not set(OPERATIONS) - set(KEYS), "take these out of the operations.py of their feature"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(values(document, "$ref"))
    assert references
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert not references - known


def test_every_part_of_an_address_is_a_parameter(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            in_path = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
            assert in_path == re.findall(r"\{(\w+)\}", path)


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = values(document["paths"], "operationId")
    assert len(names) == len(set(names)) == len(KEYS)


def test_a_pattern_with_braces_is_one_part() -> None:
    assert canonical("/x/{id:[0-9]{18}}/App_Data/{rest:.*}") == "/x/{id}/App_Data/{rest}"


async def _undescribed(_request: web.Request) -> web.Response:
    """Does something new."""
    return web.Response()


def test_a_route_without_a_description_is_told_from_its_docstring() -> None:
    told = build_document([web.get("/new/{kind:a|b}", _undescribed)], {}, "1")
    operation = told["paths"]["/new/{kind}"]["get"]
    assert operation["summary"] == "Does something new."
    assert operation["parameters"][0]["schema"] == {"type": "string", "enum": ["a", "b"]}


def test_a_route_is_described_once_for_every_dialect(document: dict[str, Any]) -> None:
    def answer(path: str) -> Any:
        return document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

    for path, written in (
        ("/api/jobs/triggered/{job}/history/{id}", "RunJson"),
        ("/api/triggeredwebjobs/{job}/history/{id}", "KuduRun"),
        ("/jobs/triggered/{job}/history/{id}", "KuduRun"),
    ):
        assert answer(path) == {"$ref": f"#/components/schemas/{written}"}
    assert answer("/api/continuousjobs")["items"] == {"$ref": "#/components/schemas/KuduContinuousJob"}
    assert not document["paths"]["/api/webjobs"]["get"].get("deprecated")
    assert document["paths"]["/api/triggeredjobs"]["get"]["deprecated"]


def test_an_answer_with_an_etag_may_be_304(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/jobs/triggered"]["get"]
    assert "304" in operation["responses"]
    assert [each["name"] for each in operation["parameters"]] == ["If-None-Match"]


@pytest.fixture(scope="module", params=NAMES)
def of_dialect(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, dict(json.loads(encoded_document(routes(), "1.2.3", request.param)))


def test_the_document_of_a_dialect_is_valid_and_a_part_of_the_whole(
    of_dialect: tuple[str, dict[str, Any]], document: dict[str, Any]
) -> None:
    _, part = of_dialect
    OPENAPI_31_VALIDATOR.validate(part)
    assert 0 < len(part["paths"]) < len(document["paths"]) * 2 / 3
    references = {reference.rpartition("/")[2] for reference in values(part, "$ref")}
    unused = set(part["components"]["schemas"]) - references
    assert unused <= {"Problem"}  # every schema is used; that of problems is always there
    assert not [tag for tag in part["tags"] if "," in tag["name"]]


JOB_OPERATIONS = {"/{job}/run", "/{job}/history", "/{job}/start", "/{job}/stop"}


def test_the_document_of_a_dialect_has_each_operation_of_jobs_once(
    of_dialect: tuple[str, dict[str, Any]],
) -> None:
    name, part = of_dialect
    for operation in JOB_OPERATIONS:
        found = [path for path in part["paths"] if path.endswith(operation) and "/pages/" not in path]
        prefix = r"/api/\w+webjobs/" if name == "kudu" else "/api/jobs/"
        assert [bool(re.match(prefix, path)) for path in found] == [True]


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        (
            "kudu",
            {"/api/vfs/{path}", "/api/settings", "/api/webjobs"},
            {"/api/runs", "/healthz", "/vfs/{path}"},
        ),
        ("legacy", {"/vfs/data/jobs/triggered/{job}/{id}/{file}"}, {"/api/runs", "/api/vfs/{path}"}),
        ("webjobs", {"/api/runs", "/healthz", "/api/vfs/{path}"}, {"/vfs/{path}", "/jobs", "/api/webjobs"}),
    ],
)
def test_the_document_of_a_dialect_has_what_belongs_to_it(
    name: str, there: set[str], absent: set[str]
) -> None:
    paths = set(json.loads(encoded_document(routes(), "1.2.3", name))["paths"])
    assert (there - paths, absent & paths) == (set(), set())
