import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from webjobs_api.describe.document import keys_of
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.request_check import CLIENT_PARAMETERS, spelling_of
from webjobs_api.http.dialects import DIALECTS, LEGACY, Dialect, dialect_of
from webjobs_api.routes import routes, with_trailing_slashes
from webjobs_service.health import health_routes

PAGE = Path(__file__).parents[3] / "docs" / "http_api.md"


def canonical(path: str) -> str:
    """The path as people write it."""
    return re.sub(r"\{(\w+):[^}]+\}", r"{\1}", path)


def in_first_dialect(path: str) -> str:
    """The path as the first clients write it: every dialect has the same routes, described once."""
    dialect = dialect_of(path.replace("{type}", "triggered"))
    if path == dialect.all_jobs:
        return LEGACY.all_jobs or ""
    for type_ in ("{type}", "triggered", "continuous"):
        jobs = dialect.jobs.replace("{type}", type_)
        if f"{path}/".startswith(f"{jobs}/"):
            return LEGACY.jobs.replace("{type}", type_) + path.removeprefix(jobs)
    return path


@pytest.mark.parametrize(
    "route",
    sorted(
        {
            f"{route.method} {in_first_dialect(canonical(route.path))}"
            for route in [*routes(), *health_routes({})]
        }
    ),
)
def test_every_route_is_documented(route: str) -> None:
    assert f"`{route}`" in PAGE.read_text("utf-8")


def test_every_dialect_has_every_route_of_a_job() -> None:
    def of(dialect: Dialect) -> set[str]:
        found = {(route.method, canonical(route.path)) for route in routes()}
        return {
            f"{method} {in_first_dialect(path)}"
            for method, path in found
            if dialect.has(path.replace("{type}", "triggered"))
        }

    own = {"GET /api/jobs", "POST /api/jobs/actions", "POST /api/jobs/script-choice"}
    assert len(of(LEGACY)) >= 14
    for dialect in DIALECTS:
        assert of(dialect) >= of(LEGACY) - own, dialect.jobs


def test_every_route_tolerates_a_trailing_slash() -> None:
    paths = {(route.method, route.path) for route in with_trailing_slashes(routes())}
    assert {(method, f"{path}/") for method, path in paths if not path.endswith("/")} <= paths
    assert ("GET", "//") not in paths


PARTS = {"type": "continuous", "id": "201311080256000000", "path": "Some/Where.TXT", "job": "Hello_W"}
SERVED = [*routes(), *health_routes({})]
RESPELLED: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "swapped": str.swapcase,
    "percent-encoded": lambda text: text.replace("e", "%65").replace("j", "%4a"),
}


def filled(route: web.RouteDef, respell: Callable[[str], str] = str) -> str:
    """An address of the route, its literal parts and its type written otherwise."""
    cut = re.split(r"(\{\w+\})", canonical(route.path))
    return "".join(
        PARTS.get(part[1:-1], "Captured") if part[0:1] == "{" and part != "{type}" else respell(part)
        for part in (PARTS["type"] if each == "{type}" else each for each in cut)
    )


@pytest.mark.parametrize("respell", RESPELLED.values(), ids=RESPELLED)
async def test_the_case_of_a_route_does_not_matter_and_what_it_captures_keeps_its_own(
    respell: Callable[[str], str],
) -> None:
    app, spelling = web.Application(), spelling_of(SERVED, OPERATIONS)
    app.add_routes(with_trailing_slashes(SERVED))
    differing = 0
    for route in SERVED:
        method = "GET" if route.method == "*" else route.method
        for slash in ("", "/") if route.path != "/" else ("",):
            plain, other = filled(route) + slash, filled(route, respell) + slash
            differing += plain != other
            assert spelling.of(method, other) == plain, (method, other)
            assert spelling.of("OPTIONS", other) == plain, other
            found = await app.router.resolve(make_mocked_request(method, plain))
            assert found.http_exception is None, plain
            if not route.path.endswith("}.log"):  # whose capture the file {path} would take too
                assert set(found) >= set(re.findall(r"\{(\w+)", canonical(route.path))) - {"path"}, plain
    assert differing >= 10


def test_the_case_of_declared_query_parameters_does_not_matter() -> None:
    spelling, tried = spelling_of(SERVED, OPERATIONS), 0
    for route in SERVED:
        operation = OPERATIONS[keys_of(route)[0]]
        for name in (*(each.name for each in operation.query), *CLIENT_PARAMETERS):
            target = f"{filled(route)}?{name.upper()}=Some%20Value&Unknown=1"
            wanted = target if operation.passes_on else target.replace(f"?{name.upper()}=", f"?{name}=")
            assert spelling.of(route.method, target) == wanted
            tried += 1
    assert tried > 300


def test_no_two_query_parameters_of_a_route_differ_in_case_only() -> None:
    for key, operation in OPERATIONS.items():
        names = [each.name.lower() for each in operation.query]
        assert len(names) == len(set(names)), key
