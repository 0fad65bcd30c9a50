"""The first change in docs/development.md works as it is written, and the generated pages are up to date."""

import os
import re
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "development.md").read_text()
FIRST_CHANGE = PAGE.split("## Your first change")[1].split("\n## ")[0]
DIFFS = [re.sub("(?m)^   ", "", diff) for diff in re.findall(r"(?s)```diff\n(.*?)   ```", FIRST_CHANGE)]
RULES, TEST = "libs/rules/webjobs_rules", "tests/unit/rules/test_script.py"


def apply(diff: str, tree: Path) -> None:
    subprocess.run(["git", "apply"], input=diff.encode(), cwd=tree, check=True)


def what_the_new_test_raises(tree: Path) -> str:
    """What the new test raises in a copy of the tree, which comes before the installed packages."""
    found = subprocess.run(
        [sys.executable, "-c", f"import runpy; runpy.run_path('{TEST}')['test_ruby_runs_what_ends_in_rb']()"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree / "libs" / "rules")},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return found.stderr


def test_the_first_change_fails_without_its_rule_and_passes_with_it(tmp_path: Path) -> None:
    new_test, rule = DIFFS
    shutil.copytree(ROOT / RULES, tmp_path / RULES)
    (tmp_path / TEST).parent.mkdir(parents=True)
    shutil.copy(ROOT / TEST, tmp_path / TEST)
    apply(new_test, tmp_path)
    assert "No runnable script: found only notes.md, run.rb." in what_the_new_test_raises(tmp_path)
    apply(rule, tmp_path)
    assert what_the_new_test_raises(tmp_path) == ""


def test_the_verbs_of_the_page_are_in_the_makefile() -> None:
    verbs = set(re.findall(r"(?m)^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", PAGE))
    assert {"setup", "check", "docs"} <= named <= verbs


def test_generated_pages_are_up_to_date() -> None:
    spec = util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [page.name for page, text in generate.pages().items() if page.read_text() != text]
    assert stale == [], "run `make docs`"
