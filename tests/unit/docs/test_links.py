"""Links between the pages lead to files that are there; each decision has a number of its own."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
DECISION = re.compile(r"\[(\d{4})\]\((?:[^)]*/)?(\d{4})-[^)]*\)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors_of(page: Path) -> set[str]:
    """The anchors on a page: its own, and those that forges give to headings."""
    text = FENCED.sub("", page.read_text("utf-8"))
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    given = set(re.findall(r'<a id="([^"]+)">', text))
    return given | {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_on_its_page(page: Path) -> None:
    links = ANCHOR.findall(page.read_text("utf-8"))
    lost = [
        f"{file}#{anchor}"
        for file, anchor in links
        if anchor not in anchors_of(page.parent / file if file else page)
    ]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_decision_shows_its_number(page: Path) -> None:
    links = DECISION.findall(page.read_text("utf-8"))
    assert [(shown, number) for shown, number in links if shown != number] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        assert path.read_text("utf-8").startswith(f"# {path.name[:4]} ")
