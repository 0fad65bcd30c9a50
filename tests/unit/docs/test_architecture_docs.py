"""docs/architecture.md follows the data through functions that exist; what says it is pure is held to it."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
CHAPTER = (DOCS / "architecture.md").read_text().split("## The way of the data\n")[1].split("\n## ")[0]
WAYS = dict(re.findall(r"(?ms)^### ([^\n]+)\n(.*?)(?=^### |\Z)", CHAPTER))
STEP = re.compile(r"(?m)^(\d+)\. (.+)$")
PLACE = re.compile(r"\[`[^`]+`\]\(([^)]+\.py)\) `([\w.]+)`")


def names_in(path: Path) -> set[str]:
    """The functions of a module, and the methods of its classes with their class."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    body = ast.parse(path.read_text()).body
    methods = {
        f"{each.name}.{inner.name}"
        for each in body
        if isinstance(each, ast.ClassDef)
        for inner in each.body
        if isinstance(inner, functions)
    }
    return methods | {each.name for each in body if isinstance(each, functions)}


def test_five_ways_are_described() -> None:
    first_words = [way.split(",")[0] for way in WAYS]
    assert first_words == [
        "A run",
        "An upload",
        "A log line",
        "A tick of a schedule",
        "A restart after kill -9",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_has_at_most_twelve_steps_and_each_step_names_a_function(way: str) -> None:
    steps = STEP.findall(WAYS[way])
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) <= 12
    assert [number for number, text in steps if not PLACE.search(text)] == []


@pytest.mark.parametrize("way", WAYS)
def test_the_functions_on_a_way_exist(way: str) -> None:
    places = PLACE.findall(WAYS[way])
    assert [f"{file} {name}" for file, name in places if name not in names_in(DOCS / file)] == []


def test_import_linter_holds_every_module_that_says_it_is_pure() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = configuration["tool"]["importlinter"]["contracts"]
    rules = next(each for each in contracts if each["name"] == "Rules do no input or output")
    held = set(rules["source_modules"])
    pure = set()
    for place in ("libs", "services", "tools"):
        for path in (ROOT / place).glob("*/webjobs_*/**/*.py"):
            docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
            if re.search(r"\bpure\b", docstring.split("\n\n")[0]):
                parts = path.relative_to(ROOT / place).with_suffix("").parts[1:]
                pure.add(".".join(parts))
    whole_packages = {name for name in held if name.endswith(".domain")} | {"webjobs_rules"}
    assert {name for name in pure if not name.startswith(tuple(f"{each}." for each in whole_packages))} == (
        held - whole_packages
    )
