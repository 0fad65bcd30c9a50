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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "Because psycopg2==2.9.9 has no usable wheels and you require psycopg2==2.9.9, we",
            "(psycopg2-binary has one), or have the operator allow the build: WEBJOBS_BUILD_PACK",
        ),
        ("Because all versions of sklearn have no usable wheels and you", "(scikit-learn has one)"),
        ("Because pandas==1.0.0 has no usable wheels and", "WEBJOBS_BUILD_PACKAGES=pandas"),
        (
            "Because torch==1.0.0 has no wheels with a matching Python version tag (e.g., `cp311`) and",
            "torch has no wheel for this version of Python",
        ),
        (
            "Because pywin32==306 has no wheels with a matching platform tag (",
            'pywin32; sys_platform == "win32"',
        ),
        ("Because requets was not found in the package registry and you", "Check how requets is spelled."),
        ("Because json was not found in the package registry and", "The module json is a part of Python"),
        ("Because python was not found in the package registry and", "requires-python"),
        (
            "Because the requested Python version (>=3.11) does not satisfy Python>=3.12 and",
            "WEBJOBS_PYTHONS",
        ),
        ("error: Couldn't parse requirement in `requirements.txt` at position 0", "on a line of its own"),
        ("error: Expected `--hash`, found `--x`: requirements.txt:1:10", "an option of pip"),
        ("invalid peer certificate: UnknownIssuer", "UV_SYSTEM_CERTS=true"),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "NODE_EXTRA_CA_CERTS"),
        ("npm error code ETARGET", "Check the name and the version in package.json"),
        ("npm error code ERESOLVE", "overrides"),
        ("npm error code EINTEGRITY", "Make the lock again"),
    ],
)
def test_the_last_line_says_what_to_do(line: str, words: str) -> None:
    shown = sentences(["error: No solution found", f"  cause: {line}", "hint: more"]).splitlines()
    assert words in shown[-1] and len(shown) == 4
    assert sentences(["error: something else"]) == "error: something else"
