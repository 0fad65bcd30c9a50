"""How long a client wants to wait, by its header."""

import pytest
from webjobs_api.http.preference import Preference, preference_of


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Preference()),
        ("return=minimal", Preference()),
        ("respond-async", Preference(0.0, "respond-async")),
        ("Respond-Async; x=y", Preference(0.0, "respond-async")),
        ("wait=10", Preference(10.0, "wait=10")),
        ('respond-async, wait="10"', Preference(10.0, "respond-async, wait=10")),
        ("wait=-1", Preference()),
        ("wait=1e9", Preference()),
        ("wait=9999999", Preference()),
        ("wait=5, wait=10", Preference(5.0, "wait=5")),
    ],
)
def test_a_header_is_read(header: str, expected: Preference) -> None:
    assert preference_of(header) == expected
