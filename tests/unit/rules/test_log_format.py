"""The format of logs: what one service writes another one reads."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.messages import job_names, run_ids
from webjobs_events.asyncapi import build_asyncapi
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.log_format import (
    APPLICATION_LOG,
    FILE_HEADER,
    JOB_LOG,
    LINE_HEADER,
    MARK,
    OFFSET_HEADER,
    Level,
    LineCount,
    LineMark,
    LogChunk,
    chunk_headers,
    decode_chunk,
    error_log,
    has_every_line,
    line_mark,
    output_log,
    read_mark,
)

NUMBERS = st.integers(0, 10**17)


@given(
    st.builds(LogChunk, st.text(), NUMBERS, st.binary(), st.none() | st.builds(LineCount, NUMBERS, NUMBERS))
)
def test_a_chunk_is_read_as_it_was_written(chunk: LogChunk) -> None:
    headers = chunk_headers(chunk.file_name, chunk.offset, chunk.before)
    assert decode_chunk(headers, chunk.data) == chunk
    assert chunk.end - chunk.offset == len(chunk.data)


@pytest.mark.parametrize("offset", ["", "x", "-1", "1.5", " 7", "٣", "²", "9" * 5000])
def test_a_chunk_without_a_readable_offset_counts_as_the_first(offset: str) -> None:
    headers = {FILE_HEADER: "output_1.log", OFFSET_HEADER: offset}
    assert decode_chunk(headers, b"text") == LogChunk("output_1.log", 0, b"text")


@pytest.mark.parametrize("line", ["0", "-1", "x", "9" * 19])
def test_a_chunk_without_a_readable_line_number_counts_none(line: str) -> None:
    headers = chunk_headers("output_1.log", 7, LineCount(3, 1)) | {LINE_HEADER: line}
    assert decode_chunk(headers, b"text") == LogChunk("output_1.log", 7, b"text", None)


@given(
    st.lists(st.sampled_from([b"text\n", b"[x: ERROR] no\n", b"[x: SYS ERROR] no", b"\n", b"\r", b"\xff"]))
)
def test_lines_are_counted_the_same_however_a_log_is_cut_at_line_ends(parts: list[bytes]) -> None:
    count = LineCount()
    for part in parts:
        count = count.after(part)
    assert count == LineCount().after(b"".join(parts))
    assert count.lines == b"".join(parts).count(b"\n")


def test_the_first_error_is_a_line_of_either_level_of_errors() -> None:
    assert LineCount(4).first_error(b"a\nb\n[x: ERROR] c\n[x: SYS ERROR] d\n") == 7
    assert LineCount(4).first_error(b"[x: SYS ERROR] d") == 5
    assert LineCount(4).first_error(b"[x: INFO] error\n") is None


def test_a_message_without_headers_belongs_to_no_log() -> None:
    assert decode_chunk({}, b"text") == LogChunk("", 0, b"text")


@pytest.mark.parametrize(
    ("name", "is_whole"),
    [
        (output_log("1"), True),
        (APPLICATION_LOG, True),
        (error_log("1"), False),
        (JOB_LOG, False),
        ("", False),
    ],
)
def test_two_logs_have_every_line_and_the_others_repeat_them(name: str, is_whole: bool) -> None:
    assert has_every_line(name) == is_whole


@pytest.mark.parametrize("level", ["INFO", "SYS ERROR"])
def test_a_mark_says_when_where_and_of_what_kind(level: str) -> None:
    mark = line_mark(datetime(2013, 11, 8, 2, 56, 0, 999_999, UTC), "327e1e", level)  # type: ignore[arg-type]
    assert mark == f"[11/08/2013 02:56:00 > 327e1e: {level}] ".encode()
    assert MARK.match(mark)


INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(
    lambda instant: instant.replace(microsecond=0, tzinfo=UTC)
)


@given(INSTANTS, run_ids, st.sampled_from(get_args(Level)), st.binary())
def test_a_mark_is_read_as_it_was_written(instant: datetime, source: str, level: Level, text: bytes) -> None:
    mark = line_mark(instant, source, level)
    assert read_mark(mark + text) == LineMark(instant, level, len(mark))


@given(st.binary() | st.text().map(str.encode))
@example(b"[99/08/2013 02:56:00 > 327e1e: INFO] x")
@example(b"[11/08/0000 02:56:00 > 327e1e: INFO] x")
@example(b"[11/08/2013 02:56:00 > 327e1e: WARN] x")
@example(b"[11/08/2013 02:56:00 > 327e1e: INFO]x")
@example(b" [11/08/2013 02:56:00 > 327e1e: INFO] x")
def test_other_beginnings_of_lines_are_no_marks(line: bytes) -> None:
    assert read_mark(line) is None


@given(st.sampled_from(JobType), job_names, run_ids)
def test_the_subject_of_a_chunk_names_type_job_and_source(job_type: JobType, name: str, source: str) -> None:
    subjects = Subjects("other")
    assert subjects.parse_log(subjects.log(job_type, name, source)) == (job_type, name, source)


def test_asyncapi_describes_the_headers_that_are_written() -> None:
    headers = build_asyncapi(Subjects(), "1.0.0")["components"]["messages"]["log"]["headers"]
    assert set(headers["properties"]) == set(chunk_headers("", 0, LineCount()))
