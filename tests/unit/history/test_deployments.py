"""What events say of deployments, and what is left to write of them."""

from datetime import UTC, datetime, timedelta

import pytest
from webjobs_events.commands import ReplyCode
from webjobs_events.deployment_id import command_id_of, deploy_command_id, deployment_id_of, is_deployment_id
from webjobs_events.events import Deleted, Deployed, DeployFailed
from webjobs_history.domain.fold import Fold
from webjobs_rules.job import JobName, JobType

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
COMMAND = deploy_command_id(AT, "0123456789ab")
ID = "202601020304056789-0123456789ab"
JOB = {"instance": "327e1e", "job_type": JobType.TRIGGERED, "job_name": JobName("job"), "revision": 7}
DEPLOYED = Deployed(
    **JOB,
    at=AT + timedelta(seconds=2),
    cause=COMMAND,
    digest="d1",
    script="run.sh",
    settings={},
    disabled=False,
    warnings=["Doubtful."],
    requested_by="curl",
)
FAILED = DeployFailed(
    **JOB,
    at=AT + timedelta(seconds=2),
    cause=COMMAND,
    reason="No file can be run.",
    code=ReplyCode.NO_RUNNABLE_SCRIPT,
)


def test_ids_name_commands_and_sort_by_time() -> None:
    assert deployment_id_of(COMMAND) == ID
    assert command_id_of(ID) == COMMAND
    assert ID < (deployment_id_of(deploy_command_id(AT + timedelta(milliseconds=1), "0" * 12)) or "")


@pytest.mark.parametrize("text", ["", "deploy/", "deploy/5f0c", ID, f"delete/{ID}", f"deploy/{ID}x"])
def test_other_commands_name_no_deployment(text: str) -> None:
    assert deployment_id_of(text) is None


def test_an_id_begins_with_an_instant() -> None:
    assert not is_deployment_id("999999999999999999-0123456789ab")


def test_a_deployment_that_is_done_and_one_that_failed() -> None:
    fold = Fold()
    fold.apply(DEPLOYED)
    fold.apply(DEPLOYED)
    (row,) = fold.deployments_to_put
    assert (row.id, row.requested_at, row.requested_by, row.ended_at) == (ID, AT, "curl", DEPLOYED.at)
    assert (row.code, row.text, row.digest, row.script) == ("done", "", "d1", "run.sh")
    assert row.warnings == ["Doubtful."]
    fold.apply(FAILED)  # its command was handed out again, and its upload is gone
    assert fold.deployments_to_put == [row]
    other = Fold()
    other.apply(FAILED)
    (row,) = other.deployments_to_put
    assert (row.code, row.text, row.digest) == ("no_runnable_script", "No file can be run.", "")


def test_a_deletion_removes_those_before_it_and_none_of_another_job() -> None:
    fold = Fold()
    fold.apply(DEPLOYED)
    fold.apply(Deleted(**(JOB | {"job_type": JobType.CONTINUOUS}), at=AT, cause="delete/1"))
    assert len(fold.deployments_to_put) == 1
    fold.apply(Deleted(**JOB, at=AT, cause="delete/1"))
    assert fold.deployments_to_put == []
    assert (JobType.TRIGGERED, "job") in fold.dropped_deployment_jobs
    fold.apply(DEPLOYED)
    assert len(fold.deployments_to_put) == 1


def test_a_dropped_folder_is_no_deployment() -> None:
    fold = Fold()
    fold.apply(DeployFailed(**JOB, at=AT, cause="file-drop/5f0c", reason="No."))
    assert fold.deployments_to_put == []
