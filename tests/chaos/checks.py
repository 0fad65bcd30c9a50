"""What must hold after a round, held against witnesses, stream, API and process table."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from chaos.jobs import LINES, ChaosJob
from chaos.load import Load
from chaos.stack import RUNNERS, ChaosStack
from support.bus import replay
from support.client import TERMINAL, Client, job_url, lines_of
from support.eventually import eventually
from support.living import processes_with
from webjobs_events.events import Event, RunEnded, RunEvent, RunRunning, ScheduleTicked

ENDED_SECONDS = 120.0
BACK_SECONDS = 15.0
TICK_SECONDS = 2
_LOGS_READ = 40


async def continuous_jobs_are_back(stack: ChaosStack, client: Client, jobs: Sequence[ChaosJob]) -> None:
    """The API says Running, and so many processes are there."""
    for job in jobs:
        if job.job_type == "continuous":
            await client.until_status(job.name, "Running", timeout=BACK_SECONDS)
            wanted = 1 if job.settings.get("is_singleton") else RUNNERS

            def are_there(job: ChaosJob = job, wanted: int = wanted) -> bool:
                runners = {_instance_of(pid) for pid in processes_with(f"WEBJOBS_NAME={job.name}\0")}
                assert len(runners - {""}) == wanted, f"{job.name} runs on {runners}"
                return True

            await eventually(are_there, BACK_SECONDS, interval=0.2)


def _instance_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if word.startswith(b"WEBSITE_INSTANCE_ID="):
                return word.partition(b"=")[2].decode()
    return ""


async def accepted_runs_end(client: Client, load: Load) -> None:
    """Each accepted run is known, and ends."""
    for name, run_ids in load.accepted.items():
        for run_id in run_ids:
            await client.ended(name, run_id, ENDED_SECONDS)


async def everything_agrees(
    stack: ChaosStack, client: Client, jobs: Sequence[ChaosJob], load: Load, witness: Path
) -> None:
    """Stream, API and witnesses tell the same, and no promise was broken."""
    await _schedules_start_no_more(client, jobs)
    await _no_run_is_left(client, jobs)
    names = {job.name for job in jobs}
    stream = await replay(stack.nats_url, passes_over_garbage=True)
    events = [event for _, event in stream if getattr(event, "job_name", "") in names]
    by_run: dict[tuple[str, str], list[RunEvent]] = defaultdict(list)
    for event in events:
        if isinstance(event, RunEvent):
            by_run[event.job_name, event.run_id].append(event)
    for job in jobs:
        if job.job_type == "triggered":
            runs = {run_id: told for (name, run_id), told in by_run.items() if name == job.name}
            await _runs_are_right(client, job, runs, load, witness)
    for key, run_ids in load.by_key.items():
        assert len(run_ids) == 1, f"the Idempotency-Key {key} gave {run_ids}"
    _ticks_have_no_gap(events)
    for over in witness.glob("*.over"):
        raise AssertionError(f"more at once than allowed: {over.name}: {over.read_text().split()}")


async def _schedules_start_no_more(client: Client, jobs: Sequence[ChaosJob]) -> None:
    for job in jobs:
        if "schedule" in job.settings:
            url = f"{job_url('triggered', job.name)}/settings"
            answer = await client.ask("PUT", url, json={**job.settings, "enabled": False})
            assert answer.status == 200, answer.text


async def _no_run_is_left(client: Client, jobs: Sequence[ChaosJob]) -> None:
    """Also of runs that were accepted without an answer, and of attempts that follow."""

    async def are_over() -> bool:
        for job in jobs:
            if job.job_type == "triggered":
                left = [run["id"] for run in await client.runs_of(job.name) if run["status"] not in TERMINAL]
                assert not left, f"{job.name}: {left} have not ended"
        return True

    await eventually(are_over, ENDED_SECONDS, interval=0.5)


async def _runs_are_right(
    client: Client, job: ChaosJob, runs: dict[str, list[RunEvent]], load: Load, witness: Path
) -> None:
    starts, ends = _seen_by_scripts(witness / f"{job.name}.starts")
    told = {run["id"]: run for run in await client.runs_of(job.name)}
    assert set(load.accepted[job.name]) <= runs.keys(), f"{job.name}: accepted runs have no event"
    for run_id, events in runs.items():
        final = [event for event in events if isinstance(event, RunEnded)]
        assert len(final) == 1, f"{job.name}/{run_id} has {len(final)} final events: {_names(events)}"
        assert told[run_id]["status"] == final[0].name, f"{job.name}/{run_id}: {told[run_id]}, {final}"
        assert sum(isinstance(event, RunRunning) for event in events) <= 1
        if final[0].name == "Success":
            assert (starts[run_id], ends[run_id]) == (1, 1), f"{job.name}/{run_id} did not run once"
    for run_id, count in starts.items():
        assert count == 1, f"{job.name}/{run_id} was started {count} times"
        assert run_id in runs, f"{job.name}/{run_id} ran and has no event"
    for run_id in [run_id for run_id, run in told.items() if run["status"] == "Success"][:_LOGS_READ]:
        await _log_is_whole(client, told[run_id])


async def _log_is_whole(client: Client, run: dict[str, str]) -> None:
    lines = [
        line.text for line in lines_of((await client.get(run["output_url"])).text) if line.level == "INFO"
    ]
    wanted = [f"line {number} of {run['id']}" for number in range(1, LINES + 1)]
    assert lines == wanted, f"the log of {run['url']} has {len(lines)} lines instead of {LINES}"


def _seen_by_scripts(file: Path) -> tuple[Counter[str], Counter[str]]:
    """How often scripts said that each run started, and that it came to its end."""
    words = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return Counter(w[1] for w in words if w[0] == "start"), Counter(w[1] for w in words if w[0] == "end")


def _names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def _ticks_have_no_gap(events: Sequence[Event]) -> None:
    """Each due time between the first and the last is recorded once."""
    due: Counter[int] = Counter()
    for event in events:
        if isinstance(event, ScheduleTicked):
            last = event.until or event.due
            due.update(range(int(event.due.timestamp()), int(last.timestamp()) + 1, TICK_SECONDS))
    for instant in range(min(due), max(due) + 1, TICK_SECONDS):
        assert due[instant] == 1, f"the due time {instant} is recorded {due[instant]} times"


async def nothing_is_left(stack: ChaosStack, client: Client, jobs: Sequence[ChaosJob]) -> None:
    """After the jobs were deleted there is no process of theirs, and nobody knows them."""
    for job in jobs:
        answer = await client.delete(job_url(job.job_type, job.name))
        assert answer.status in (200, 404), answer.text
    for job in jobs:
        await eventually(lambda job=job: not processes_with(f"WEBJOBS_NAME={job.name}\0"), 30, interval=0.2)
        assert (await client.get(job_url(job.job_type, job.name))).status == 404
