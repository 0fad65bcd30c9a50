"""Which known name was meant by one that is not known."""

import pytest
from webjobs_rules.near_miss import closest_name

KNOWN = ("schedule", "timeout", "time_zone", "arguments", "Limit")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Schedule", "schedule"),
        ("shedule", "schedule"),
        ("timezone", "time_zone"),
        ("limt", "Limit"),
        ("args", None),
        ("schedule", None),
        ("", None),
        ("x" * 300, None),
    ],
)
def test_a_few_letters_count_as_a_slip(written: str, meant: str | None) -> None:
    assert closest_name(written, KNOWN) == meant


@pytest.mark.parametrize(
    ("written", "meant"), [("args", "arguments"), ("limt", "Limit"), ("wibble", None), ("s" * 65, None)]
)
def test_of_a_name_that_is_refused_anyway_less_likeness_counts(written: str, meant: str | None) -> None:
    assert closest_name(written, KNOWN, is_refused=True) == meant
