"""Each due time has one record, and each record that says so has its run."""

import json
from collections import Counter
from datetime import UTC, datetime

from chaos.jobs import TICK_SECONDS, ChaosJob
from chaos.round import JobEvents, Round
from support.client import job_url
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_rules.run_id import run_id_at


async def end_schedules(this: Round) -> datetime:
    """Take the schedules out of the settings; returns the instant up to which all due times count."""
    until = datetime.now(UTC)
    for job in this.jobs:
        if job.is_scheduled:
            settings = {key: value for key, value in job.settings.items() if key != "schedule"}
            url = f"{job_url('triggered', job.name)}/settings"
            answer = await this.client.ask("PUT", url, data=json.dumps(settings))
            assert answer.status == 200, answer.text
    return until


async def due_times_are_recorded(this: Round, by_job: dict[str, JobEvents], until: datetime) -> None:
    """Those since the job was deployed, until its schedule was taken away."""
    for job in this.jobs:
        if job.is_scheduled:
            due_times_of_job(job, by_job[job.name], this.deployed_at, until)


def due_times_of_job(job: ChaosJob, events: JobEvents, since: datetime, until: datetime) -> None:
    recorded = Counter(due for tick in events.ticks for due in _due_times_of(tick))
    doubled = {due for due, count in recorded.items() if count > 1}
    assert not doubled, f"{job.name}: recorded more than once: {doubled}"
    first, last = int(since.timestamp()) + 1, int(until.timestamp())
    due_times = {due for due in range(first, last) if due % TICK_SECONDS == 0}
    missing = due_times - recorded.keys()
    assert not missing, f"{job.name}: no record of the due times {sorted(missing)}"
    scheduled = {run_id: story[0] for run_id, story in events.runs.items() if story[0].scheduled_for}
    first_attempts = {run_id for run_id, event in scheduled.items() if event.attempt == 1}
    ran = {tick.run_id for tick in events.ticks if tick.outcome is TickOutcome.RAN}
    assert ran == first_attempts, f"{job.name}: {ran ^ first_attempts} in ticks or runs only"
    # The run that was to stand for a merged one has a record of its own: it may be skipped after all.
    named = {tick.run_id for tick in events.ticks if tick.run_id}
    unknown = named - {run_id_at(datetime.fromtimestamp(due, UTC)) for due in recorded}
    assert not unknown, f"{job.name}: {unknown} are runs of no recorded due time"


def _due_times_of(tick: ScheduleTicked) -> range:
    last = tick.until or tick.due
    due_times = range(int(tick.due.timestamp()), int(last.timestamp()) + 1, TICK_SECONDS)
    assert len(due_times) == tick.count, f"{tick} tells of another number of due times"
    return due_times
