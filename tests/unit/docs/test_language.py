"""Public texts and names use plain terms: docs/glossary.md has the words, this test those to avoid."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = (
    "libs/rules",
    "libs/client",
    "libs/job",
    "libs/events",
    "libs/service",
    "services/api",
    "services/history",
    "services/runner",
    "tools",
)

# Name the actor (api, runner, client, operator); publish, record, return, fix, create again.
WORDS = (
    "whoever", "somebody", "nobody", "anybody", "told", "tell", "tells", "anew", "mend", "mends", "mended",
    "heard", "hears", "heed", "wish", "wishes", "bury", "buried", "burial", "judge", "judged", "judgement",
    "overtaken", "poke", "poked", "living", "in hand", "next in line", "the reference", "the seed",
)  # fmt: skip
NAMES = (
    "told", "tell", "tells", "say", "says", "said", "hear", "heard", "heed", "wish", "wishes", "whoever",
    "somebody", "nobody", "anew", "mended", "bury", "burial", "judge", "judgement", "overtaken", "poke",
    "poked", "halt", "living", "witness", "workshop",
)  # fmt: skip
ALLOWED_TEXTS = (
    "`nobody`",  # the user of the operating system
    "There is no living instance",  # an error text that clients match
)
ALLOWED_NAMES = {"told_at"}  # a field of `GET …/schedule`

BANNED = re.compile(rf"\b({'|'.join(WORDS)})\b", re.IGNORECASE)
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def _faults(text: str) -> list[str]:
    for allowed in ALLOWED_TEXTS:
        text = text.replace(allowed, "")
    return [text[max(0, m.start() - 40) : m.end() + 30] for m in BANNED.finditer(" ".join(text.split()))]


@cache
def _modules(folder: str) -> list[tuple[str, ast.Module]]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))) for path in paths]


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_errors_logs_and_descriptions_use_plain_words(folder: str) -> None:
    found = [
        (path, node.lineno, fault)
        for path, tree in _modules(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        for fault in _faults(node.value)
    ]
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_of_modules_classes_functions_and_parameters_use_plain_words(folder: str) -> None:
    found = [
        (path, name)
        for path, tree in _modules(folder)
        for name in [Path(path).stem, *_names(tree)]
        if name not in ALLOWED_NAMES and {part.lower() for part in PARTS.findall(name)} & set(NAMES)
    ]
    assert found == []


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def test_pages_and_titles_of_decisions_use_plain_words() -> None:
    pages = {path: path.read_text("utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]}
    changes = ROOT / "CHANGELOG.md"
    pages[changes] = pages[changes].partition("\n## [Unreleased]")[2].partition("\n## [")[0]
    titles = (ROOT / "docs" / "decisions").glob("*.md")
    texts = pages | {path: path.read_text("utf-8").partition("\n")[0] for path in titles}
    assert [(path.name, fault) for path, text in texts.items() for fault in _faults(text)] == []
