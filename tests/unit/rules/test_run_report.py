"""What a script may write into its two files, and how often its progress becomes an event."""

import json
from typing import Any

import pytest
from webjobs_rules.run_report import (
    MAX_EVENT_RESULT_BYTES,
    MAX_RESULT_BYTES,
    Progress,
    Result,
    is_worth_an_event,
    progress_of,
    result_of,
)


@pytest.mark.parametrize(
    "value", [{"rows": 3}, [1, "ü", None], "text", 0, 2**64, 1.5, None, True, {}, {"a": {"b": [{"c": "\0"}]}}]
)
def test_any_json_value_is_a_result(value: Any) -> None:
    data = json.dumps(value, indent=2).encode() + b"\n"
    assert result_of(data) == Result(value, len(data))


def test_a_byte_order_mark_is_no_fault() -> None:
    assert result_of(b"\xef\xbb\xbf[1]\r\n") == Result([1], 8)


def test_a_large_result_stays_in_its_file() -> None:
    fits = json.dumps("x" * (MAX_EVENT_RESULT_BYTES - 2)).encode()
    assert result_of(fits + b" " * 10_000) == Result(json.loads(fits), len(fits) + 10_000)
    large = json.dumps("x" * (MAX_EVENT_RESULT_BYTES - 1)).encode()
    assert result_of(large) == Result(None, len(large))
    assert isinstance(result_of(b'"' + b"x" * (MAX_RESULT_BYTES - 2) + b'"'), Result)
    assert "is the limit" in str(result_of(b'"' + b"x" * (MAX_RESULT_BYTES - 1) + b'"'))


@pytest.mark.parametrize(
    "data",
    [
        b" ",
        b"rows: 3",
        b"{'a': 1}",
        b"{",
        b"1 2",
        b"\xff",
        b"NaN",
        b"[" * 100_000,
        b'"\\ud800"',
        b"\xef\xbb\xbf{",
    ],
)
def test_what_is_no_json_is_said_and_no_result(data: bytes) -> None:
    warning = result_of(data)
    assert isinstance(warning, str)
    assert warning.startswith("The result is not valid JSON: ") and warning.endswith("in UTF-8.")


@pytest.mark.parametrize(
    ("tail", "progress"),
    [
        (b"0.4 loading\n", Progress(0.4, "loading")),
        (b"0\n0.1 a\n1 done now \n\n", Progress(1.0, "done now")),
        (b"40% loading\r\n", Progress(0.4, "loading")),
        (b"100%\n", Progress(1.0)),
        (b"  .5\tx\n", Progress(0.5, "x")),
        (b"0.4 loa\n0.5 not whole", Progress(0.4, "loa")),
        ("0.4 größe \x1b[1m\x00\n".encode(), Progress(0.4, "größe  [1m")),
        (b"0.4 \xff\n", Progress(0.4, "\ufffd")),
        (b"0.4 " + b"x" * 500 + b"\n", Progress(0.4, "x" * 200)),
        (b"garbage\n0.4 a\n", Progress(0.4, "a")),
        (b"", None),
        (b"\n \n", None),
        (b"0.4 a", None),
    ],
)
def test_the_last_line_counts(tail: bytes, progress: Progress | None) -> None:
    assert progress_of(tail, is_over=False) == progress


def test_at_the_end_the_last_line_is_whole() -> None:
    assert progress_of(b"0.4 a\n0.5 b", is_over=True) == Progress(0.5, "b")


@pytest.mark.parametrize(
    "line", ["loading", "1.01", "-0.1", "40", "101%", "nan", "inf", "0.4loading", "1e-1", "0,4 x", "\u0660"]
)
def test_what_is_no_progress_is_said(line: str) -> None:
    warning = progress_of(f"0.1 a\n{line}\n".encode(), is_over=False)
    assert isinstance(warning, str) and repr(line) in warning and "0.4 loading" in warning


@pytest.mark.parametrize(
    ("before", "now", "since", "elapsed", "is_event"),
    [
        (None, Progress(0), 0.0, 0.0, True),
        (Progress(0.1), Progress(0.1), 60.0, 60.0, False),
        (Progress(0.1), Progress(0.105), 60.0, 60.0, False),
        (Progress(0.1), Progress(0.12), 60.0, 60.0, True),
        (Progress(0.5), Progress(0.1), 60.0, 60.0, True),
        (Progress(0.1, "a"), Progress(0.1, "b"), 60.0, 60.0, True),
        (Progress(0.1, "a"), Progress(0.9, "b"), 1.9, 60.0, False),
        (Progress(0.1, "a"), Progress(0.9, "b"), 2.0, 60.0, True),
        (Progress(0.1, "a"), Progress(0.9, "b"), 30.0, 3600.0, False),
        (Progress(0.1, "a"), Progress(0.9, "b"), 36.0, 3600.0, True),
    ],
)
def test_when_progress_becomes_an_event(
    before: Progress | None, now: Progress, since: float, elapsed: float, is_event: bool
) -> None:
    assert is_worth_an_event(before, now, since=since, elapsed=elapsed) is is_event


def test_a_run_of_a_day_has_some_hundred_events() -> None:
    count, last = 0, 0.0
    for second in range(86_400):
        if is_worth_an_event(
            Progress(0, "a") if count else None, Progress(0, "b"), since=second - last, elapsed=second
        ):
            count, last = count + 1, float(second)
    assert count < 800
