"""The status file of a run holds its final event."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from webjobs_events.events import RunSuccess
from webjobs_events.job import JobName
from webjobs_events.run_id import RunId
from webjobs_events.status import Reason
from webjobs_runner.triggered.status_file import read_status, write_status

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EVENT = RunSuccess(
    at=AT,
    instance="abcdef",
    job_name=JobName("job"),
    run_id=RunId("202611220900000000"),
    trigger="Test",
    digest="d",
    requested_at=AT,
    started_at=AT,
    reason=Reason.EXIT_CODE,
    exit_code=0,
)


def test_a_final_event_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_status(tmp_path / "run", EVENT)
    assert read_status(tmp_path / "run") == EVENT


@pytest.mark.parametrize("content", [None, b"", b'{"event":"Success"', b'{"event":"Running"}', b"\xff"])
def test_a_status_file_that_is_not_whole_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "status").write_bytes(content)
    assert read_status(tmp_path) is None


def test_a_disk_that_takes_no_status_file_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder of the run should be")
    write_status(tmp_path / "run", EVENT)
    assert read_status(tmp_path / "run") is None
