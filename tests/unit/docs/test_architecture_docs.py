"""docs/architecture.md follows the data through files and functions that exist, in few steps."""

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
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
