"""Tests wait for conditions; what sleeps says what for: by a helper of `support.eventually`, or beside it."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[2]
HELPERS = TESTS / "support" / "eventually.py"


def bare_sleeps_in(source: str) -> Iterator[int]:
    """The lines that sleep without a comment; `sleep(0)` lets others run once and takes no time."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep"):
            if ast.unparse(node.args[0]) != "0" and "#" not in lines[node.lineno - 1]:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and "sleep" in [alias.name for alias in node.names]:
            yield node.lineno  # by another name it would not be found


def test_no_test_sleeps_without_saying_what_for() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        if path != HELPERS
        for line in bare_sleeps_in(path.read_text())
    ]
    assert found == [], "wait with `eventually`; prove with `stays`; `pause` takes a reason"


def test_bare_sleeps_are_found() -> None:
    for bare in ("await asyncio.sleep(1)", "time.sleep(x)", "from time import sleep"):
        assert list(bare_sleeps_in(f"pass\n{bare}")) == [2], bare
    for other in ("await asyncio.sleep(0)", "script = 'time.sleep(1)'", "time.sleep(1)  # the pace"):
        assert list(bare_sleeps_in(other)) == [], other
