"""The status file of a run holds its final event."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from webjobs_events.events import RunSuccess
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.files.site import Site
from webjobs_runner.runs.status_file import StatusFiles, read_status

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


@pytest.fixture
def statuses(tmp_path: Path) -> Iterator[StatusFiles]:
    with opened(tmp_path) as files:
        yield files


def opened(folder: Path) -> StatusFiles:
    return StatusFiles(Site(folder), folder / "statuses.spare")


def run_folder(folder: Path) -> Path:
    return Site(folder).run_folder(EVENT.job_name, EVENT.run_id)


def test_a_final_event_is_read_back_as_it_was_written(tmp_path: Path, statuses: StatusFiles) -> None:
    statuses.write(EVENT)
    assert statuses.read(EVENT.job_name, EVENT.run_id) == EVENT
    assert read_status(run_folder(tmp_path)) == EVENT


@pytest.mark.parametrize("content", [None, b"", b'{"event":"Success"', b'{"event":"Running"}', b"\xff"])
def test_a_status_file_that_is_not_whole_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "status").write_bytes(content)
    assert read_status(tmp_path) is None


def test_what_the_disk_refuses_is_known_after_a_kill_and_written_when_there_is_room(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder of the run should be")
    before = opened(tmp_path)
    with before:
        before.write(EVENT)
        assert before.read(EVENT.job_name, EVENT.run_id) == EVENT
    with opened(tmp_path) as after:
        assert after.read(EVENT.job_name, EVENT.run_id) == EVENT
        folder.unlink()
        after.write_kept()
    assert read_status(folder) == EVENT
    folder.joinpath("status").unlink()
    with opened(tmp_path) as last:
        assert last.read(EVENT.job_name, EVENT.run_id) is None, "it was not kept any longer"
