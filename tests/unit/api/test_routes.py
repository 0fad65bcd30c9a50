import re
from pathlib import Path

import pytest
from webjobs_api.routes import routes, with_trailing_slashes
from webjobs_service.health import health_routes

PAGE = Path(__file__).parents[3] / "docs" / "http_api.md"


def canonical(path: str) -> str:
    """The path as people write it: `{app_data:…}` stands for App_Data, other parts for themselves."""
    path = path.replace("{app_data:[Aa][Pp][Pp]_[Dd][Aa][Tt][Aa]}", "App_Data")
    return re.sub(r"\{(\w+):[^}]+\}", r"{\1}", path)


@pytest.mark.parametrize(
    "route",
    sorted({f"{route.method} {canonical(route.path)}" for route in [*routes(), *health_routes({})]}),
)
def test_every_route_is_documented(route: str) -> None:
    assert f"`{route}`" in PAGE.read_text("utf-8")


def test_every_route_tolerates_a_trailing_slash() -> None:
    paths = {(route.method, route.path) for route in with_trailing_slashes(routes())}
    assert {(method, f"{path}/") for method, path in paths if not path.endswith("/")} <= paths
    assert ("GET", "//") not in paths
