"""What people see of the output of uv and npm."""

import pytest
from webjobs_rules.dependencies.tool_output import (
    MOST_LINES,
    is_outage,
    lacks_space,
    sentences,
    without_addresses,
)


@pytest.mark.parametrize(
    "text",
    [
        "error: Failed to fetch: `https://user:secret@index.example/simple/a/`",
        "//registry.example/:_authToken=secret",
        "\x1b[31mhttp://host.example/?token=secret\x1b[0m",
        "git+ssh://secret@host.example/x",
    ],
)
def test_no_address_and_no_credential_is_shown(text: str) -> None:
    shown = without_addresses(text)
    assert "secret" not in shown and "\x1b" not in shown


def test_the_last_lines_are_shown() -> None:
    shown = sentences([f"line {number}" for number in range(100)] + ["", "  "]).splitlines()
    assert (len(shown), shown[-1]) == (MOST_LINES, "line 99")
    assert sentences(["Using Python 3.11.7 environment at: .tmp-1", "error: no"]) == "error: no"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error: Failed to fetch: `x`", True),
        ("  Caused by: tcp connect error: Connection refused (os error 111)", True),
        ("hint: an index returned a 401 Unauthorized", True),
        ("npm error code ECONNREFUSED", True),
        ("npm error code E503", True),
        ("Using Python 3.11.7 environment at: .tmp-fb215cb2a16bbfc7-10253-6fe554", False),
        ("  Because alpha was not found in the package registry, we can conclude", False),
        ("  x No solution found when resolving dependencies:", False),
    ],
)
def test_an_index_that_is_away_is_not_a_fault_of_the_job(text: str, expected: bool) -> None:
    assert is_outage([text]) is expected


def test_a_full_disk_is_seen() -> None:
    assert lacks_space(["Caused by: No space left on device (os error 28)"])
    assert not lacks_space(["all good"])
