"""Jobs that run in their own folder: what they add there is their own, what a person changes is a version."""

from pathlib import Path

from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner
from support.site_paths import job_folder
from webjobs_events.events import ContinuousRunning, ContinuousStopped, Deployed
from webjobs_rules.job import JobType

CONTINUOUS = JobType.CONTINUOUS
# Writes files, links and a pipe beside itself, and goes on for ever.
WRITER = (
    "ln -sf run.sh own; ln -sfn /etc out; mkfifo pipe; "
    "echo 1 > own.txt; echo x >> log-$$.txt; exec sleep 1000"
)
IN_PLACE = '{"is_in_place": true}'


async def test_files_that_an_in_place_job_adds_are_no_new_version(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(CONTINUOUS, "writer", {"run.sh": WRITER, "settings.job": IN_PLACE})
    folder = job_folder(tmp_path, CONTINUOUS, "writer")
    await eventually(lambda: (folder / "own.txt").exists())
    # A job dropped afterwards is noticed later than those files would have been.
    other = job_folder(tmp_path, CONTINUOUS, "other")
    other.mkdir()
    (other / "run.sh").write_text("exec sleep 1000")
    await eventually(lambda: recorder.of(Deployed, "other"))
    assert len(recorder.of(Deployed, "writer")) == 1
    assert len(recorder.of(ContinuousRunning, "writer")) == 1


async def test_a_changed_file_of_an_in_place_job_is_a_new_version(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(CONTINUOUS, "writer", {"run.sh": WRITER, "settings.job": IN_PLACE})
    folder = job_folder(tmp_path, CONTINUOUS, "writer")
    await eventually(lambda: (folder / "own.txt").exists())
    (folder / "run.sh").write_text(WRITER + " # edited")
    await eventually(lambda: len(recorder.of(ContinuousRunning, "writer")) == 2, 20)


async def test_a_deployment_replaces_an_in_place_job_that_has_added_files(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(CONTINUOUS, "writer", {"run.sh": WRITER, "settings.job": IN_PLACE})
    folder = job_folder(tmp_path, CONTINUOUS, "writer")
    await eventually(lambda: (folder / "own.txt").exists())
    newer = "exec sleep 2000"
    await caller.deploy(CONTINUOUS, "writer", {"run.sh": newer})
    await eventually(lambda: len(recorder.of(ContinuousRunning, "writer")) == 2, 20)
    assert (folder / "run.sh").read_text() == newer
    assert len(recorder.of(Deployed, "writer")) == 2


async def test_a_job_that_has_added_files_can_be_deleted(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(CONTINUOUS, "writer", {"run.sh": WRITER, "settings.job": IN_PLACE})
    folder = job_folder(tmp_path, CONTINUOUS, "writer")
    await eventually(lambda: (folder / "own.txt").exists())
    await caller.delete(CONTINUOUS, "writer")
    await eventually(lambda: not folder.exists())
    await eventually(lambda: recorder.of(ContinuousStopped, "writer"))
