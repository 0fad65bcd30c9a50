"""Which trace contexts are taken, which are made anew, and that one is made the same way every time."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_events.commands import RunTriggeredJob, decode_command, encode_command
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.trace import Trace, derived_trace, new_trace, parse_trace

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (VALID, VALID),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"00-{TRACE}-{PARENT}-03", f"00-{TRACE}-{PARENT}-03"),
        (f" {VALID}\t", VALID),
        (f"cc-{TRACE}-{PARENT}-01", VALID),
        (f"cc-{TRACE}-{PARENT}-ff-what-comes-later", VALID),
        (f"fe-{TRACE}-{PARENT}-fe", f"00-{TRACE}-{PARENT}-00"),
    ],
)
def test_a_valid_traceparent_is_taken(written: str, read: str) -> None:
    found = parse_trace([written])
    assert found == Trace(read)
    assert found is not None
    assert found.trace_id == TRACE


@pytest.mark.parametrize(
    "written",
    [
        "",
        "garbage",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-0g",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01.what",
        f"{VALID},{VALID}",
        f"{VALID}\n",
    ],
)
def test_an_invalid_traceparent_counts_as_none(written: str) -> None:
    assert parse_trace([written], ["a=1"]) is None


def test_a_traceparent_that_is_there_twice_counts_as_none() -> None:
    assert parse_trace([]) is None
    assert parse_trace([VALID, VALID]) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ([], None),
        ([""], None),
        (["a=1"], "a=1"),
        (["a=1,b=2", "c=3"], "a=1,b=2,c=3"),
        (["a=1 , ,b=x y"], "a=1,b=x y"),
        (["tenant@vendor=t61rcWkgMzE"], "tenant@vendor=t61rcWkgMzE"),
        (["a=1,a=2"], None),
        (["a"], None),
        (["a="], None),
        (["A=1"], None),
        (["a=é"], None),
        (["a=1=2"], None),
        ([",".join(f"k{number}=1" for number in range(33))], None),
        ([f"a={'x' * 257}"], None),
        ([f"a={'x' * 250},b={'x' * 250},c={'x' * 20}"], None),
    ],
)
def test_a_tracestate_is_joined_or_left_out(written: list[str], read: str | None) -> None:
    assert parse_trace([VALID], written) == Trace(VALID, read)


@given(st.text(), st.lists(st.text()))
def test_no_header_is_a_fault(parent: str, states: list[str]) -> None:
    found = parse_trace([parent], states)
    assert found is None or parse_trace([found.traceparent], [found.tracestate or ""]) == found


def test_a_new_trace_is_valid_and_another_one_each_time() -> None:
    made = {new_trace() for _ in range(100)}
    assert len({each.trace_id for each in made}) == 100
    assert all(parse_trace([each.traceparent]) == each for each in made)
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", each.traceparent) for each in made)


def test_a_derived_trace_depends_on_its_seeds_alone() -> None:
    assert derived_trace("a", "b") == derived_trace("a", "b")
    assert len({derived_trace(*seeds).trace_id for seeds in (("a", "b"), ("ab",), ("b", "a"), ("a",))}) == 4
    assert parse_trace([derived_trace("\udcff").traceparent])


def command(**fields: str | None) -> RunTriggeredJob:
    return RunTriggeredJob(
        command_id="run/a/201311080256000000",
        job_type=JobType.TRIGGERED,
        job_name=JobName("a"),
        requested_at=datetime(2013, 11, 8, 2, 56, tzinfo=UTC),
        requested_by="x",
        run_id=RunId("201311080256000000"),
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("parent", [None, "", "garbage", "x" * 900])
def test_a_command_without_a_valid_trace_has_one_that_is_the_same_for_everyone(parent: str | None) -> None:
    one = command(traceparent=parent, tracestate="a=1")
    other = decode_command("s", encode_command(one))
    assert one.trace == other.trace == command().trace
    assert one.trace.tracestate is None


def test_a_command_keeps_the_trace_of_its_sender() -> None:
    sent = decode_command("s", encode_command(command(traceparent=VALID, tracestate="a=1")))
    assert sent.trace == Trace(VALID, "a=1")


def test_a_command_that_names_no_trace_has_that_of_its_message() -> None:
    plain, own = encode_command(command()), encode_command(command(traceparent=VALID))
    header = f"00-{TRACE[::-1]}-{PARENT}-00"
    headers = {"traceparent": header, "tracestate": "a=1"}
    assert decode_command("s", plain, headers).trace == Trace(header, "a=1")
    assert decode_command("s", own, headers).trace == Trace(VALID)
    for bad in ({}, {"traceparent": "x" * 5000}, {"tracestate": "a=1"}):
        assert decode_command("s", plain, bad).trace == command().trace
