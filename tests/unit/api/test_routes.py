import re
from pathlib import Path

import pytest
from webjobs_api.dialects import DIALECTS, SEED, Dialect, dialect_of
from webjobs_api.routes import routes, with_trailing_slashes
from webjobs_service.health import health_routes

PAGE = Path(__file__).parents[3] / "docs" / "http_api.md"


def canonical(path: str) -> str:
    """The path as people write it: `{app_data:…}` stands for App_Data, other parts for themselves."""
    path = path.replace("{app_data:[Aa][Pp][Pp]_[Dd][Aa][Tt][Aa]}", "App_Data")
    return re.sub(r"\{(\w+):[^}]+\}", r"{\1}", path)


def in_first_dialect(path: str) -> str:
    """The path as the first clients write it: every dialect has the same routes, described once."""
    dialect = dialect_of(path.replace("{type}", "triggered"))
    if path == dialect.all_jobs:
        return SEED.all_jobs or ""
    for type_ in ("{type}", "triggered", "continuous"):
        jobs = dialect.jobs.replace("{type}", type_)
        if f"{path}/".startswith(f"{jobs}/"):
            return SEED.jobs.replace("{type}", type_) + path.removeprefix(jobs)
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

    assert len(of(SEED)) >= 14
    for dialect in DIALECTS:
        assert of(dialect) >= of(SEED) - {"GET /api/jobs"}, dialect.jobs


def test_every_route_tolerates_a_trailing_slash() -> None:
    paths = {(route.method, route.path) for route in with_trailing_slashes(routes())}
    assert {(method, f"{path}/") for method, path in paths if not path.endswith("/")} <= paths
    assert ("GET", "//") not in paths
