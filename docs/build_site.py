"""Build the documentation as a site: `make site` writes build/site.

The pages lie where a reader of the repository finds them, some of them outside docs/. They are gathered in
build/docs, and links to files that are no pages become plain words; then zensical builds the site from there.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "introduction.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Pages that lie outside docs/, and their names in the site."""

_DECISIONS = Path("decisions") / "README.md"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def main() -> None:
    """Build the site; exit code 1 when a page or an anchor that is linked does not exist."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build"
    build(folder.resolve())


def build(folder: Path) -> Path:
    """Gather the pages in a folder and build the site beside them; returns where the site is.

    Raises:
        CalledProcessError: A link leads nowhere.
    """
    shutil.rmtree(folder / "docs", ignore_errors=True)
    gather(folder / "docs")
    shutil.copy(ROOT / "docs" / "zensical.toml", folder / "zensical.toml")
    program = Path(sys.executable).with_name("zensical")
    subprocess.run([program, "build", "--strict"], cwd=folder, check=True)
    return folder / "site"


def gather(folder: Path) -> None:
    """Copy every page and picture into a folder, with links that hold there."""
    pages = {path: path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    pages |= {ROOT / path: Path(name) for path, name in OUTSIDE.items()}
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    for source, place in pages.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        moved = partial(_moved, source=source, place=place, pages=pages)
        target.write_text(_LINK.sub(moved, source.read_text()))
    (folder / _DECISIONS).write_text(_list_of_decisions())


def _list_of_decisions() -> str:
    """A page that leads to each decision."""
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    lines = [
        f"- [{path.read_text().partition(chr(10))[0].removeprefix('# ')}]({path.name})" for path in decisions
    ]
    return "\n".join(["# Decisions", "", *lines, ""])


def _moved(link: re.Match[str], source: Path, place: Path, pages: dict[Path, Path]) -> str:
    """A link as it must read where its page is now; its words alone when it leads out of the site."""
    mark, words, address = link.groups()
    path, hash_, anchor = address.partition("#")
    if not path or "://" in address or address.startswith("mailto:"):
        return link.group()
    target = (source.parent / path).resolve()
    if target == ROOT / "docs" / "decisions":
        moved = os.path.relpath(_DECISIONS, place.parent)
    elif target in pages:
        moved = os.path.relpath(pages[target], place.parent)
    elif target.is_relative_to(ROOT / "docs" / "images"):
        moved = os.path.relpath(target.relative_to(ROOT / "docs"), place.parent)
    else:
        return str(words)
    return f"{mark}[{words}]({moved}{hash_}{anchor})"


if __name__ == "__main__":
    main()
