"""What a release changes in the tree, and which trees cannot be released."""

from importlib import util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
spec = util.spec_from_file_location("prepare", ROOT / "release" / "prepare.py")
assert spec is not None and spec.loader is not None
prepare = util.module_from_spec(spec)
spec.loader.exec_module(prepare)

PROJECT = '[project]\nname = "webjobs"\nversion = "0.9.0"\n[tool]\nline = 1\n'
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.9.0] - 2026-01-01\n\n- All.\n"


def test_the_version_is_replaced_by_a_later_one() -> None:
    assert prepare.with_version(PROJECT, "0.10.0") == PROJECT.replace("0.9.0", "0.10.0")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("0.9.0", "not later than 0.9.0"),
        ("0.8.12", "not later"),
        ("v next", "write it as 1.2.3"),
        ("", "1.2.3"),
    ],
)
def test_other_versions_are_refused(version: str, reason: str) -> None:
    with pytest.raises(prepare.NotReady, match=reason):
        prepare.with_version(PROJECT, version)


def test_what_is_unreleased_gets_a_heading() -> None:
    changed = prepare.with_heading(CHANGELOG, "1.0.0", "2026-02-03")
    assert changed.startswith(
        "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-02-03\n\n### Added\n\n- A thing."
    )
    assert changed.endswith("## [0.9.0] - 2026-01-01\n\n- All.\n")


@pytest.mark.parametrize("unreleased", ["\n", "\n\n"])
def test_a_release_without_changes_is_refused(unreleased: str) -> None:
    with pytest.raises(prepare.NotReady, match="nothing under"):
        prepare.with_heading(
            f"# Changelog\n\n## [Unreleased]\n{unreleased}## [0.9.0]\n", "1.0.0", "2026-02-03"
        )


def test_the_files_of_this_tree_can_be_released(tmp_path: Path) -> None:
    """A line more is added: the commit of a release lists nothing that is not released."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]\n" in changelog
    more = changelog.replace("## [Unreleased]\n", "## [Unreleased]\n\n- One line more.\n", 1)
    (tmp_path / "CHANGELOG.md").write_text(more)
    prepare.write_release(tmp_path, "9999.0", "2026-02-03")
    assert 'version = "9999.0"' in (tmp_path / "pyproject.toml").read_text()
    assert "## [9999.0] - 2026-02-03" in (tmp_path / "CHANGELOG.md").read_text()
