"""Programs that a machine may lack: a test that needs one is skipped, or fails where CI insists.

`WEBJOBS_TEST_REQUIRE` names the programs, separated by blanks, whose absence is a failure. `.ci/run` sets it.
"""

import os
import shutil

import pytest

# Read at import: a fixture removes every WEBJOBS_ variable before the first test.
_REQUIRED = frozenset(os.environ.get("WEBJOBS_TEST_REQUIRE", "").split())


def find_program(*names: str) -> str | None:
    """Path of the first of these programs that is installed."""
    return next(filter(None, map(shutil.which, names)), None)


def need_program(*names: str, required: frozenset[str] = _REQUIRED) -> str:
    """Path of the first of these programs that is installed; without any, the test is skipped or fails."""
    found = find_program(*names)
    if found is not None:
        return found
    reason = f"{' or '.join(names)} is not installed"
    if required & set(names):
        pytest.fail(f"{reason}, and WEBJOBS_TEST_REQUIRE names it")
    pytest.skip(reason)
