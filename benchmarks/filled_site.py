"""An api and a history over many runs that nobody had to run: they were written into the table."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
from figures import note
from live_stack import Client, Silence
from projection import events_of_run
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_stack.environment import api_spec, history_spec
from webjobs_stack.ports import free_port
from webjobs_stack.services import Service

PAGE = 50
"""Runs of each job, as WEBJOBS_HISTORY_SIZE has it."""

DEEP = JobName("deep")
"""A job that has as many runs as all others together."""

_INSTANCE = "327e1e"
_BEGAN_AT = datetime(2025, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=100)
_PROJECTED = 30.0  # seconds
_HEARTBEAT_SECONDS = 600

# Run after run, each of another job, with the columns that real runs have.
_FILL = """
    INSERT INTO runs (job_name, run_id, status, attempt, trigger, digest, instance, requested_at, started_at,
                      ended_at, exit_code, reason, evidence, has_error_log)
    SELECT CASE WHEN n % 2 = 0 THEN $1 ELSE 'job' || lpad((n / 2 % $2)::text, 5, '0') END,
           to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSMS') || '0', 'Success', 1, 'External - curl/8.5',
           repeat('0', 64), $3, at, at + interval '4 ms', at + interval '30 ms', 0, 'exit_code', '', false
    FROM generate_series(0, $4::int - 1) n, LATERAL (SELECT $5::timestamptz + n * $6::interval) t(at)
    ON CONFLICT DO NOTHING
"""
_COUNT = """
    INSERT INTO jobs (job_name, run_count, latest_run, results, durations, streak)
    SELECT DISTINCT ON (job_name) job_name, count(*) OVER (PARTITION BY job_name), row_to_json(r),
           repeat('S', 100), to_json(array_fill(26, ARRAY[50])), count(*) OVER (PARTITION BY job_name)
    FROM runs r ORDER BY job_name, run_id DESC
    ON CONFLICT (job_name) DO UPDATE SET run_count = EXCLUDED.run_count, latest_run = EXCLUDED.latest_run,
        results = EXCLUDED.results, durations = EXCLUDED.durations, streak = EXCLUDED.streak
"""


@dataclass(frozen=True, slots=True)
class FilledSite:
    """Where it is, and what is in it."""

    client: Client
    port: int
    bus: Bus
    database: "asyncpg.Connection[asyncpg.Record]"
    runs: int
    jobs: list[JobName]


@asynccontextmanager
async def filled_site(
    nats_url: str, postgres_url: str, namespace: str, *, runs: int, defined: int
) -> AsyncIterator[FilledSite]:
    """A site for the time of the body.

    Args:
        nats_url: Shared with other sites.
        postgres_url: Of a database of its own, empty.
        namespace: Of its own.
        runs: In the table: half of one job, half of jobs with `PAGE` runs.
        defined: So many of those jobs have a definition, and a run whose events are in the stream.
    """
    jobs = [JobName(f"job{number:05}") for number in range(defined)]
    caller = {
        "PATH": os.environ["PATH"],
        "WEBJOBS_NAMESPACE": namespace,
        "WEBJOBS_HISTORY_SIZE": "1000000000",
    }
    history = Service(
        history_spec(caller, nats_url, "webjobs_history", database_url=postgres_url, health_port=free_port()),
        Silence(),
    )
    port = free_port()
    api = Service(api_spec(caller, nats_url, "webjobs_api", "127.0.0.1", port), Silence())
    async with connect_bus(nats_url, name="benchmark", subjects=Subjects(namespace)) as bus:
        await bus.leases.put(Subjects.instance_key(_INSTANCE), b'{"boot": "filled"}', ttl=_HEARTBEAT_SECONDS)
        await _define(bus, [*jobs, DEEP])
        try:
            await history.start()
            database = await asyncpg.connect(postgres_url)
            others = runs // 2 // PAGE
            latest = {name: runs - 2 * others + 2 * number + 1 for number, name in enumerate(jobs)}
            await _run(bus, database, latest | {DEEP: runs - 2})
            await database.execute(_FILL, DEEP, others, _INSTANCE, runs, _BEGAN_AT, _STEP, timeout=120)
            await database.execute(_COUNT, timeout=120)
            await database.execute("VACUUM ANALYZE", timeout=120)  # as autovacuum has done long ago elsewhere
            note(f"reads: {await database.fetchval('SELECT count(*) FROM runs')} runs are in the table")
            await api.start()
            yield FilledSite(Client(port), port, bus, database, runs, jobs)
            await database.close()
        finally:
            await api.stop()
            await history.stop()


async def queue_runs(site: FilledSite) -> None:
    """Ask for a run of every defined job, which no runner will take."""
    at = datetime.now(UTC)
    await asyncio.gather(
        *(
            site.bus.publish_command(
                RunTriggeredJob(
                    command_id=f"run/{name}",
                    job_type=JobType.TRIGGERED,
                    job_name=name,
                    requested_at=at,
                    requested_by="benchmark",
                    run_id=run_id_at(at),
                )
            )
            for name in site.jobs
        )
    )


async def _define(bus: Bus, jobs: list[JobName]) -> None:
    for name in jobs:
        definition = JobDefinition(
            job_type=JobType.TRIGGERED,
            job_name=name,
            digest="0" * 64,
            script="run.sh",
            script_host="BashScriptHost",
            changed_at=_BEGAN_AT,
            changed_by=_INSTANCE,
            cause="benchmark",
        )
        await bus.jobs.put(Subjects.definition_key(JobType.TRIGGERED, name), msgspec.json.encode(definition))


async def _run(bus: Bus, database: "asyncpg.Connection[asyncpg.Record]", jobs: Mapping[JobName, int]) -> None:
    """The latest run of each job, by its number among all runs, once the projection has its events."""
    for name, number in jobs.items():
        for event in events_of_run(name, _BEGAN_AT + number * _STEP):
            await bus.publish_event(event)
    give_up_at = time.monotonic() + _PROJECTED
    while await database.fetchval("SELECT count(*) FROM jobs") < len(jobs):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
