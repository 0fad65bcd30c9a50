"""Every test that compatibility.md and guarantees.md name exists; every term of the glossary is used."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`((?:checks/|test_)\w+\.py)(?:::(\w+))?`")
CITED = re.compile(r"docs/(\w+\.md)(?:#([\w-]+))?")


@pytest.mark.parametrize("page", ["compatibility.md", "guarantees.md"])
def test_every_named_test_exists(page: str) -> None:
    named = NAMED.findall((ROOT / "docs" / page).read_text("utf-8"))
    assert len(named) > 20
    assert [each for each in named if not _exists(*each)] == []


def _exists(file: str, test: str) -> bool:
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob(file)]
    return any(re.search(rf"def {test}\b" if test else "", text) for text in texts)


@pytest.mark.parametrize("folder", ["libs", "services", "tools", "deploy"])
def test_code_cites_pages_and_sections_that_exist(folder: str) -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / folder).rglob("*.py")]
    cited = {each for text in texts for each in CITED.findall(text)}
    assert [each for each in cited if not _is_section(*each)] == []


def _is_section(page: str, section: str) -> bool:
    path = ROOT / "docs" / page
    if not path.is_file():
        return False
    text = path.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return not section or section in anchors or f'<a id="{section}">' in text


def test_every_term_of_the_glossary_is_used_in_another_page() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    terms = re.findall(r"^\| ([^|]+) \| ", glossary.read_text("utf-8"), re.MULTILINE)[1:]
    pages = [page for page in ROOT.glob("docs/**/*.md") if page != glossary]
    text = " ".join(page.read_text("utf-8") for page in pages).lower()
    assert [term for row in terms for term in row.split(", ") if term not in text] == []
