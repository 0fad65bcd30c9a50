import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.azure_run import (
    LogConverter,
    PastRun,
    RecordedStatus,
    past_run,
    read_status,
    run_files,
)
from webjobs_rules.errors import UnusableRecord
from webjobs_rules.log_format import read_mark
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ID = RunId("201803221234567890")
STARTED = datetime(2018, 3, 22, 12, 34, 57, 123456, tzinfo=UTC)
ENDED = STARTED + timedelta(minutes=2)
WRITTEN = {
    "Status": "Success",
    "StartTime": "2018-03-22T12:34:57.1234567Z",
    "EndTime": "2018-03-22T12:36:57.1234567Z",
    "Trigger": "Schedule - 0 0 3 * * *",
}


def status_file(**changes: Any) -> bytes:
    fields = WRITTEN | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def read_log(*blocks: bytes) -> tuple[bytes, bytes, LogConverter]:
    log = LogConverter()
    parts = [*map(log.convert, blocks), log.finish()]
    return b"".join(output for output, _ in parts), b"".join(errors for _, errors in parts), log


def past(recorded: RecordedStatus, log: bytes = b"", *, is_newest: bool = False) -> PastRun:
    return past_run(ID, recorded, read_log(log)[2], is_newest=is_newest, now=NOW)


@pytest.mark.parametrize(
    "data",
    [
        status_file(),
        b"\xef\xbb\xbf" + status_file() + b"\r\n",
        status_file().decode().encode("utf-16"),
        json.dumps(
            {
                "status": "success",
                "start_time": WRITTEN["StartTime"],
                "end_time": WRITTEN["EndTime"],
                "trigger": WRITTEN["Trigger"],
            }
        ).encode(),
        status_file(StartTime="2018-03-22T14:34:57.1234567+02:00", Other=[1]),
    ],
)
def test_a_status_file_is_read_however_it_is_encoded(data: bytes) -> None:
    assert read_status(data) == RecordedStatus("success", STARTED, ENDED, "Schedule - 0 0 3 * * *")


def test_an_instant_that_is_not_set_is_none() -> None:
    recorded = read_status(status_file(EndTime="0001-01-01T00:00:00", Trigger=None, StartTime=None))
    assert recorded == RecordedStatus("success", None, None, "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\0" * 200, "zero bytes only"),
        (status_file()[:-20], "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[1]", "no JSON object"),
        (b'{"Status": 3}', "no status that is known: 3"),
        (status_file(Status="Sucess"), "no status that is known: 'Sucess'"),
        (status_file(EndTime="yesterday"), "no instant as EndTime: 'yesterday'"),
        (status_file(StartTime="2018-02-30T00:00:00Z"), "no instant as StartTime"),
        (b'{"event": "Success", "status": "Success"}', "one of webjobs"),
        (b" " + b"x" * 70_000, "too large"),
    ],
)
def test_a_damaged_status_file_is_refused_with_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableRecord, match=reason):
        read_status(data)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_whatever_a_status_file_holds_it_is_read_or_refused(data: bytes) -> None:
    try:
        read_status(data)
    except UnusableRecord as error:
        assert error.reason


FAILED = b"[03/22/2018 12:36:57 > 9b01cc: SYS ERR ] Job failed due to exit code 3\r\n"
IDLE = (
    b"[03/22/2018 12:36:57 > 9b01cc: SYS ERR ] Command 'x' was aborted due to no output nor CPU activity\r\n"
)


@pytest.mark.parametrize(
    ("word", "log", "status", "reason", "code"),
    [
        ("success", b"", Status.SUCCESS, Reason.EXIT_CODE, 0),
        ("failed", FAILED, Status.FAILED, Reason.EXIT_CODE, 3),
        ("failed", IDLE, Status.FAILED, Reason.IDLE_TIMEOUT, None),
        ("failed", b"", Status.FAILED, Reason.IMPORTED, None),
        ("aborted", b"", Status.ABORTED, Reason.IMPORTED, None),
        ("running", b"", Status.ABORTED, Reason.RUNNER_LOST, None),
    ],
)
def test_the_reason_is_what_status_and_log_show(
    word: str, log: bytes, status: Status, reason: Reason, code: int | None
) -> None:
    found = past(RecordedStatus(word, STARTED, ENDED, "x"), log)
    assert (found.status, found.reason, found.exit_code) == (status, reason, code)
    assert found.evidence or reason is Reason.EXIT_CODE
    assert found.host == ("9b01cc" if log else "azure")


def test_a_run_ends_when_it_was_recorded_or_with_its_log_and_never_before_its_start() -> None:
    assert past(RecordedStatus("success", STARTED, ENDED, "")).ended_at == ENDED
    assert past(RecordedStatus("failed", STARTED, None, ""), FAILED).ended_at == ENDED.replace(microsecond=0)
    assert past(RecordedStatus("success", ENDED, STARTED, "")).ended_at == ENDED
    assert past(RecordedStatus("success", None, None, "")).started_at == datetime(
        2018, 3, 22, 12, 34, 56, 789000, tzinfo=UTC
    )


def test_the_newest_run_without_an_end_may_go_on_and_is_refused() -> None:
    with pytest.raises(UnusableRecord, match="Running and no later run"):
        past(RecordedStatus("running", STARTED, None, ""), is_newest=True)


def test_a_run_in_the_future_is_refused() -> None:
    with pytest.raises(UnusableRecord, match="future"):
        past(RecordedStatus("success", STARTED, NOW + timedelta(days=9), ""))


LOG = (
    b"\xef\xbb\xbf[03/22/2018 12:34:57 > 9b01cc: SYS INFO] Status changed to Running\r\n"
    b"[03/22/2018 12:34:58 > 9b01cc: INFO] h\xc3\xa9llo [x: ERR ] y\r\n"
    b"[03/22/2018 12:34:58 > 9b01cc: ERR ] broken\r\n"
    b"  at line 3\r\n"
    b"[03/22/2018 12:34:59 > 9b01cc: SYS WARN] slow\r\n"
    b"[03/22/2018 12:35:00 > 9b01cc: SYS ERR ] Job failed due to exit code -1"
)


def test_a_log_becomes_one_of_ours_with_the_same_text() -> None:
    output, errors, log = read_log(LOG)
    lines = output.splitlines()
    assert b"\r" not in output and output.endswith(b"\n")
    assert [mark and mark.level for mark in map(read_mark, lines)] == [
        "SYS INFO",
        "INFO",
        "ERROR",
        None,
        "SYS WARN",
        "SYS ERROR",
    ]
    assert lines[1].endswith("] héllo [x: ERR ] y".encode())
    assert errors.splitlines() == lines[2:4]
    assert (log.host, log.exit_code) == ("9b01cc", -1)
    assert log.last_at == datetime(2018, 3, 22, 12, 35, tzinfo=UTC)


@given(st.lists(st.integers(0, len(LOG)), max_size=6).map(sorted))
def test_a_log_is_the_same_however_it_is_cut_into_blocks(cuts: list[int]) -> None:
    bounds = [0, *(max(each, 3) for each in cuts), len(LOG)]
    blocks = [LOG[start:end] for start, end in pairwise(bounds)]
    assert read_log(*blocks)[:2] == read_log(LOG)[:2]


def test_runs_are_found_by_their_folders_in_any_letter_case() -> None:
    first, second = "201803221234567890", "201803231234567890"
    found = run_files(
        [
            f"a/{second}/STATUS",
            f"a/{first}/status",
            f"a/{first}/output_log.txt",
            "a/job_scheduler.log",
            "status",
        ]
    )
    assert found == {
        first: {"status": f"a/{first}/status", "output_log.txt": f"a/{first}/output_log.txt"},
        second: {"status": f"a/{second}/STATUS"},
    }
    assert list(found) == [first, second]
    assert run_files([f"{first}/status", "201813221234567890/status"]) == {
        first: {"status": f"{first}/status"}
    }
    with pytest.raises(UnusableRecord, match="several folders"):
        run_files([f"a/{first}/status", f"b/{second}/status"])
