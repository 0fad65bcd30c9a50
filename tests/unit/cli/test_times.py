"""Durations, instants and sizes, as people write and read them."""

import re
from datetime import UTC, datetime, timedelta

import click
import pytest
from webjobs_cli.times import Since, ago_text, seconds_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172_800),
     ("250ms", 0.25), (" 1W ", 604_800)],
)  # fmt: skip
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "h", "2 hours", "-1", "1h-", "10y", "1e9", "nan", "99999999h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-01-02T03:04:05Z", NOW), ("2026-01-02T04:04:05+01:00", NOW), ("2026-01-02", None)],
)
def test_an_instant_is_read(text: str, expected: datetime | None) -> None:
    found = Since().convert(text, None, None)
    assert found == expected if expected else found.tzinfo is not None


def test_an_instant_may_be_a_duration_before_now() -> None:
    before = datetime.now(UTC) - timedelta(hours=2)
    assert timedelta() <= Since().convert("2h", None, None) - before < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Since().convert(text, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (5, "5 s ago"), (7200, "2 h ago"), (-90, "in 1 min")]
)
def test_an_age_is_written(seconds: float, text: str) -> None:
    assert ago_text(NOW - timedelta(seconds=seconds), NOW) == text
    assert ago_text(None, NOW) == ""
