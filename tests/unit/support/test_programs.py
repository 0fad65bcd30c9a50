"""A machine with nothing but Python, make and git skips tests; CI fails them."""

import re
from pathlib import Path

import pytest
from support.programs import find_program, need_program

ROOT = Path(__file__).parents[3]
# The product itself starts scripts with these; without them it is of no use.
ALWAYS_THERE = {"bash", "sh"}


def test_a_test_without_its_program_is_skipped_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        need_program("no-such-program", required=frozenset())


def test_a_test_without_a_required_program_fails_with_the_reason() -> None:
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        need_program("no-such-program", required=frozenset({"no-such-program"}))


def test_one_of_several_programs_is_enough() -> None:
    required = frozenset({"no-such-program"})
    assert need_program("no-such-program", "sh", required=required) == find_program("sh")


def test_ci_insists_on_every_program_of_the_usual_script_types() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    required = re.search(r'export WEBJOBS_TEST_REQUIRE="([^"]*)"', ci)
    assert required is not None
    assert {"php", "node", "python3", "bash"} <= set(required[1].split())


def test_no_test_looks_for_programs_by_itself() -> None:
    """`shutil.which` in a test is a decision about missing programs that CI cannot overrule."""
    own = {Path(__file__), ROOT / "tests" / "support" / "programs.py"}
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path not in own]
    assert len(tests) > 100
    assert [path.name for path in tests if "shutil.which" in path.read_text()] == []
