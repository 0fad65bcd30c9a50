"""What the events say and what the api answers are the same story; a rebuilt projection tells it again."""

import asyncio
import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from support.bus import job_events, replay
from support.client import TERMINAL, Answer, Client, client_of, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack, webjobs_up
from webjobs_events.events import (
    ContinuousEvent,
    Deleted,
    Event,
    JobChanged,
    Purged,
    Removed,
    RunEnded,
    RunEvent,
    RunInitializing,
    RunRunning,
)
from webjobs_events.redaction import without_env


class Told:
    """What a subscriber knows who has read every event: jobs, their settings, their runs and statuses."""

    def __init__(self, events: list[Event]) -> None:
        self.jobs: dict[tuple[str, str], JobChanged] = {}
        self.runs: dict[str, dict[str, list[RunEvent]]] = {}
        self.statuses: dict[str, str] = {}
        for event in events:
            self._read(event)

    def _read(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            self.jobs[event.job_type.value, event.job_name] = event
        elif isinstance(event, Removed | Deleted):
            self.jobs.pop((event.job_type.value, event.job_name), None)
            if isinstance(event, Deleted) and event.job_type.value == "triggered":
                self.runs.pop(event.job_name, None)
        elif isinstance(event, RunEvent):
            self.runs.setdefault(event.job_name, {}).setdefault(event.run_id, []).append(event)
        elif isinstance(event, Purged):
            # Of a job that was deleted meanwhile there is nothing left to take away.
            kept = self.runs.get(event.job_name, {})
            for run_id in event.run_ids:
                kept.pop(run_id, None)
        elif isinstance(event, ContinuousEvent):
            self.statuses[event.job_name] = event.status.value


def instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run_as_told(events: list[RunEvent]) -> dict[str, Any]:
    """The fields of a run that its events decide."""
    names = [event.name for event in events]
    assert names[0] == "Initializing", names
    assert names[1:-1] in ([], ["Running"]), names
    last = events[-1]
    began = next((event.at for event in events if isinstance(event, RunRunning)), last.requested_at)
    is_over = isinstance(last, RunEnded)
    return {
        "id": last.run_id,
        "status": last.status.value,
        "start_time": instant(began),
        "end_time": instant(last.at) if is_over else None,
        "has_error_log": is_over and last.has_error_log,  # type: ignore[attr-defined]
    }


def run_as_answered(run: dict[str, Any]) -> dict[str, Any]:
    kept = {name: run[name] for name in ("id", "status", "start_time", "end_time")}
    return {**kept, "has_error_log": run["error_url"] is not None}


async def some_life(client: Client, stack: RunningStack) -> None:
    """Jobs with a past: runs that ended each way, changed settings, refusals, a deletion, a stop."""
    name, gone, forever = unique("past"), unique("gone"), unique("forever")
    await client.put_script("triggered", name, 'echo err >&2; exit "$1"')
    for code in ("0", "3"):
        await client.run_to_end(name, code)
    await client.ask("PUT", f"{job_url('triggered', name)}/settings", json={"stopping_wait_time": 2})
    await client.put(job_url("triggered", name), "echo", Content_Disposition="attachement; filename=a.txt")
    await client.put_script("triggered", name, "import missing", "run.py")
    await client.run_to_end(name)
    await client.put_script("triggered", gone, "echo")
    await client.run_to_end(gone)
    await client.delete(job_url("triggered", gone))
    await client.put_script("continuous", forever, "sleep 1000")
    await client.until_status(forever, "Running")
    await client.post(f"{job_url('continuous', forever)}/stop")
    await client.until_status(forever, "Stopped")


async def test_every_answer_is_what_the_events_say(client: Client, stack: RunningStack) -> None:
    await some_life(client, stack)
    events = [event for _, event in await replay(stack.nats_url)]
    told = Told(events)

    jobs = await client.json("/api/jobs")
    assert {(job["type"], job["name"]) for job in jobs} == told.jobs.keys()
    for job in jobs:
        change = told.jobs[job["type"], job["name"]]
        assert job["runCommand"] == change.script.replace("/", "\\")
        settings = await client.json(f"{job_url(job['type'], job['name'])}/settings")
        assert without_env(settings) == change.settings  # events have names of variables, apart
        if job["type"] == "continuous":
            assert job["status"] == told.statuses[job["name"]]
            continue
        answered = [run_as_answered(run) for run in await client.runs_of(job["name"])]
        expected = [
            run_as_told(run) for _, run in sorted(told.runs.get(job["name"], {}).items(), reverse=True)
        ]
        assert answered == expected


async def test_no_event_is_told_twice_and_no_run_ends_twice(client: Client, stack: RunningStack) -> None:
    events = [event for _, event in await replay(stack.nats_url)]
    ids = Counter(event.event_id for event in events)
    assert [event_id for event_id, count in ids.items() if count > 1] == []
    ends = Counter((e.job_name, e.run_id) for e in events if isinstance(e, RunEnded))
    begun = {(e.job_name, e.run_id) for e in events if isinstance(e, RunInitializing)}
    assert set(ends.values()) <= {1}
    assert ends.keys() <= begun
    assert all(end.reason for end in events if isinstance(end, RunEnded))


async def test_what_a_reader_sees_change_is_one_event_each(client: Client, stack: RunningStack) -> None:
    name = unique("watched")
    await client.put_script("triggered", name, "sleep 0.3")
    seen: list[str] = []
    async with job_events(stack.nats_url, "triggered", name) as told:
        run_id = await client.run(name)
        while not seen or seen[-1] not in TERMINAL:
            status = (await client.run_of(name, run_id))["status"]
            if status != (seen[-1] if seen else None):
                seen.append(status)
        await told.until(lambda t: len(t.of_run(run_id)) == 3)
        names = [event.name for event in told.of_run(run_id)]
        assert names == ["Initializing", "Running", "Success"]
        in_turn = iter(names)
        assert all(status in in_turn for status in seen), seen


async def test_the_duration_of_an_ended_run_never_changes(client: Client) -> None:
    ended = [run for job in await client.json("/api/jobs/triggered") if (run := job["latest_run"])]
    for run in ended:
        assert run["status"] in TERMINAL
        assert run["end_time"] >= run["start_time"]
        assert (await client.json(run["url"])) == run


async def everything_readable(client: Client) -> dict[str, Answer]:
    """Body and status of every read endpoint, for every job there is."""
    addresses = ["/api/jobs", "/api/jobs/triggered", "/api/jobs/continuous"]
    for job in await client.json("/api/jobs"):
        addresses += [job["url"], f"{job['url']}/settings"]
        if job["type"] == "triggered":
            runs = await client.runs_of(job["name"])
            addresses += [job["history_url"], *(run["url"] for run in runs)]
    found = {}
    for address in addresses:
        answer = await client.get(address)
        found[address] = Answer(answer.status, {}, answer.body)
    return found


async def test_a_rebuilt_history_answers_as_before(tmp_path: Path, empty_database_url: str) -> None:
    async with (
        webjobs_up(tmp_path / "data", WEBJOBS_DATABASE_URL=empty_database_url) as stack,
        client_of(stack.url) as client,
    ):
        await some_life(client, stack)
        before = await everything_readable(client)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "webjobs_history", "rebuild"),
            env={
                "WEBJOBS_NATS_URL": stack.nats_url,
                "WEBJOBS_DATABASE_URL": empty_database_url,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )
        assert await asyncio.wait_for(process.wait(), 60) == 0

        async def answers() -> bool:
            return (await client.get("/api/jobs")).status == 200

        await eventually(answers, 60)
        assert await everything_readable(client) == before
