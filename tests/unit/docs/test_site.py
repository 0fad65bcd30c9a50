"""The documentation as a site: every link holds, every page is in its navigation, no other host is asked."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, ROOT / "docs" / "build_site.py", folder], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout
    return folder / "site"


def pages_in(navigation: Any) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, dict):
        for each in navigation.values():
            yield from pages_in(each)
    else:
        for each in navigation:
            yield from pages_in(each)


def test_every_page_is_in_the_navigation() -> None:
    config = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text())["project"]
    named = set(pages_in(config["nav"]))
    outside = {"introduction.md", "changelog.md", "contributing.md", "security.md", "benchmarks.md"} | {
        "decisions/README.md"
    }
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    decisions = {page for page in pages if re.match(r"decisions/\d", page)}
    assert named == outside | pages - decisions


def test_no_page_asks_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]* src="([^"]+)"', text)
        loaded += re.findall(
            r'<link[^>]* rel="(?:stylesheet|preload|icon|preconnect)"[^>]* href="([^"]+)"', text
        )
        loaded += re.findall(
            r'<link[^>]* href="([^"]+)"[^>]* rel="(?:stylesheet|preload|icon|preconnect)"', text
        )
        assert [each for each in loaded if "//" in each] == [], page.name
    styles = "".join(style.read_text() for style in site.rglob("*.css"))
    assert not re.search(r"@import[^;]*//|url\(\W?(?:https?:)?//", styles)


def test_the_search_needs_no_server(site: Path) -> None:
    assert "Nats-Msg-Id" in (site / "search.json").read_text()
