"""Each accepted run has one story: in the stream, in the API, and as its script saw it."""

from chaos.jobs import ChaosJob
from chaos.round import JobEvents, Round, events_by_job
from support.client import TERMINAL
from support.eventually import eventually
from webjobs_events.events import RunInitializing, RunRunning
from webjobs_rules.status import Reason

_ENDED_SECONDS = 120.0


async def all_runs_end(this: Round) -> None:
    """Also those that were accepted without an answer, and attempts that follow."""
    fleeting = {job.name for job in this.jobs if job.is_fleeting}
    for name, run_ids in this.load.accepted.items():
        for run_id in run_ids if name not in fleeting else ():
            await this.client.ended(name, run_id, _ENDED_SECONDS)

    async def are_over() -> bool:
        for job in this.jobs_of_type("triggered"):
            left = [r["id"] for r in await this.client.runs_of(job.name) if r["status"] not in TERMINAL]
            assert not left, f"{job.name}: {left} have not ended"
        return True

    async def are_over_on_stream() -> bool:
        by_job = events_by_job(await this.events())
        for name, events in by_job.items():  # a due time just before the end of a schedule may be late
            left = events.runs.keys() - events.final.keys()
            assert not left, f"{name}: {left} have begun and not ended"
        for name in fleeting:
            left = this.load.accepted[name] - (by_job[name].final.keys() if name in by_job else set())
            assert not left, f"{name}: {left} have no final event"
        return True

    await eventually(are_over, _ENDED_SECONDS, interval=0.3)
    await eventually(are_over_on_stream, _ENDED_SECONDS, interval=0.5)


async def runs_are_right(this: Round, by_job: dict[str, JobEvents]) -> None:
    """One final event for each run, no script started twice, as many at once as are allowed."""
    for job in this.jobs_of_type("triggered"):
        mixed = this.witness / f"{job.name}.mixed"
        assert not mixed.exists(), f"{job.name}: files of two versions: {mixed.read_text()}"
        if job.name in by_job:
            await _runs_of_job_are_right(this, job, by_job[job.name])
            _concurrency_is_held(this, job, by_job[job.name])
    for key, run_ids in this.load.by_key.items():
        assert len(run_ids) == 1, f"the Idempotency-Key {key} gave {run_ids}"


async def _runs_of_job_are_right(this: Round, job: ChaosJob, events: JobEvents) -> None:
    seen = this.seen_by_scripts(job)
    shown = {run["id"]: run for run in await this.client.runs_of(job.name)}
    lost = this.load.accepted[job.name] - events.runs.keys()
    assert not lost, f"{job.name}: the accepted runs {lost} have no event"
    different = shown.keys() - events.runs.keys() if job.is_fleeting else shown.keys() ^ events.runs.keys()
    assert not different, f"{job.name}: the API and the stream do not both have {different}"
    final = events.final
    for run_id in events.runs:
        story_is_whole(f"{job.name}/{run_id}", run_id, events)
    for run_id in shown:
        assert shown[run_id]["status"] == final[run_id].name, f"{job.name}/{run_id}: {shown[run_id]}"
        if final[run_id].name == "Success":
            counts = [seen[what][run_id] for what in ("start", "wrote", "end")]
            assert counts == [1, 1, 1], f"{job.name}/{run_id} did not run once: {counts}"
        reported = str(final[run_id].result or run_id), final[run_id].progress_text or run_id
        assert reported == (run_id, run_id), f"{job.name}/{run_id} reports {reported}"
    for run_id, count in seen["start"].items():
        assert count == 1, f"{job.name}/{run_id} was started {count} times"
        assert run_id in events.runs, f"{job.name}/{run_id} ran and has no event"


def story_is_whole(name: str, run_id: str, events: JobEvents) -> None:
    """First, perhaps running, and final, once each and in this order; and the attempt that follows."""
    story = events.runs[run_id]
    names = [event.name for event in story]
    assert isinstance(story[0], RunInitializing), f"{name}: {names}"
    running = [event for event in story if isinstance(event, RunRunning)]
    assert len(running) <= 1, f"{name}: {names}"
    assert len(names) == 2 + len(running), f"{name} must have one first and one final event: {names}"
    final = events.final.get(run_id)
    assert final is story[-1], f"{name} must end with its final event: {names}"
    if final.next_run_id is not None:
        assert final.next_run_id in events.runs, f"{name}: no event of its next attempt {final.next_run_id}"


def _concurrency_is_held(this: Round, job: ChaosJob, events: JobEvents) -> None:
    """Each line: the run that was too many, and those that had the places."""
    file = this.witness / f"{job.name}.over"
    for line in file.read_text().splitlines() if file.exists() else []:
        excess, *holders = line.split()
        is_excused = any(_outlived_its_lease(this, events, holder) for holder in holders)
        assert is_excused, f"{job.name}: more runs at once than allowed: {excess} beside {holders}"


def _outlived_its_lease(this: Round, events: JobEvents, holder: str) -> bool:
    """The exception to the limit: a run went on after others had taken its runner for lost.

    To be removed when a runner ends the scripts of triggered jobs before its lease ends.
    """
    run_id, _, instance = holder.partition("/")
    final = events.final.get(run_id)
    is_taken_for_lost = final is not None and final.reason is Reason.RUNNER_LOST
    return is_taken_for_lost and this.faults.was_cut_off_beyond_its_lease(this.stack.runner_of(instance))
