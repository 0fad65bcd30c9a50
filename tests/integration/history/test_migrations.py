import asyncio
from pathlib import Path

import asyncpg
import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import Connection
from support.eventually import eventually
from support.job_statistics import recomputed, statistics_of
from support.servers import migrate_database
from support.stories import at
from webjobs_events.queries import RunView
from webjobs_history import migrations
from webjobs_history.database import open_session
from webjobs_history.domain.rows import JobRow
from webjobs_history.errors import DatabaseTooNew
from webjobs_history.migrations.migrate import HEAD, drop_tables
from webjobs_history.tables import metadata
from webjobs_rules.job import JobName
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Status


def test_the_release_works_with_the_last_version() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_replicas_that_start_together_migrate_once(database_url: str) -> None:
    await asyncio.gather(*(migrate_database(database_url) for _ in range(4)))
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetch("SELECT version_num FROM alembic_version") == [(HEAD,)]
    finally:
        await connection.close()


async def test_the_migrated_tables_are_those_of_the_code(database_url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    await migrate_database(database_url)
    async with open_session(database_url, "test") as session:
        assert await session.run(differences) == []


async def test_runs_of_the_first_release_are_kept_and_told(database_url: str) -> None:
    await migrate_database(database_url)
    async with open_session(database_url, "test") as session:
        await session.run(_downgrade, "0001")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            """
            INSERT INTO runs (job_name, run_id, status, attempt, trigger, digest, instance, requested_at,
                evidence, has_error_log)
            VALUES ('job', '202601020304050000', 'Success', 1, 't', 'd', 'i', now(), '', false)
            """
        )
        await migrate_database(database_url)
        text = await connection.fetchval("SELECT json_build_array(r)::text FROM runs r")
    finally:
        await connection.close()
    (run,) = msgspec.json.decode(text, type=list[RunView])
    assert (run.run_id, run.next_run_id, run.scheduled_for) == ("202601020304050000", None, None)


async def test_jobs_of_an_earlier_release_get_the_statistics_of_their_kept_runs(database_url: str) -> None:
    jobs = {
        "failing": _ended_runs("failing", "SSAF" + "S" * 30 + "F" * 70),
        "many": _ended_runs("many", "SFA" * 50),
        "aborted": _ended_runs("aborted", "A" * 3),
    }
    running = replace(_ended_runs("running", "S")[0], status=Status.RUNNING, ended_at=None)
    await migrate_database(database_url)
    async with open_session(database_url, "test") as session:
        await session.run(_downgrade, "0005")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO runs SELECT * FROM json_populate_recordset(NULL::runs, $1::text::json)",
            msgspec.json.encode([running, *(run for runs in jobs.values() for run in runs)]).decode(),
        )
        await connection.execute(
            "INSERT INTO jobs SELECT DISTINCT ON (job_name) job_name, 1, row_to_json(runs) FROM runs"
        )
        await migrate_database(database_url)
        text = await connection.fetchval("SELECT json_agg(jobs)::text FROM jobs")
    finally:
        await connection.close()
    found = {row.job_name: statistics_of(row) for row in msgspec.json.decode(text, type=list[JobRow])}
    assert found == {name: recomputed(runs) for name, runs in jobs.items()} | {"running": recomputed([])}


def _ended_runs(job: str, results: str) -> list[RunView]:
    """Runs in the order of their ends; each third was never started."""
    return [
        RunView(
            job_name=JobName(job),
            run_id=run_id_at(at(number)),
            status=_RESULTS[result],
            trigger="t",
            digest="d",
            instance="i",
            requested_at=at(number),
            started_at=at(number) if number % 3 else None,
            ended_at=at(number + 0.9 * (number % 7) / 7),
            has_error_log=False,
        )
        for number, result in enumerate(results)
    ]


_RESULTS = {"S": Status.SUCCESS, "F": Status.FAILED, "A": Status.ABORTED}


def _downgrade(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.downgrade(config, version)


async def test_tables_of_a_later_release_are_refused_and_left_alone(database_url: str) -> None:
    await migrate_database(database_url)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseTooNew, match=f"version 9999 .* up to {HEAD}"):
            await migrate_database(database_url)
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()


async def test_dropping_the_tables_waits_for_a_batch_that_is_being_written(database_url: str) -> None:
    await migrate_database(database_url)
    projector, other = await asyncpg.connect(database_url), await asyncpg.connect(database_url)

    async def is_waiting() -> bool:
        return bool(await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

    async with open_session(database_url, "test") as session:
        async with projector.transaction():
            await projector.execute("UPDATE positions SET sequence = sequence")
            dropping = asyncio.ensure_future(drop_tables(session))
            await eventually(is_waiting)
            for table in ("runs", "jobs", "instances"):
                await projector.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        await dropping
        assert await other.fetchval("SELECT to_regclass('runs')") is None
    await projector.close()
    await other.close()
