import asyncio
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from webjobs_events.queries import RunView
from webjobs_history import migrations
from webjobs_history.database import connect, open_pool
from webjobs_history.errors import DatabaseTooNew
from webjobs_history.migrations.migrate import HEAD, migrate
from webjobs_history.tables import metadata


def test_the_release_works_with_the_last_version() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_replicas_that_start_together_migrate_once(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    connection = await connect(database_url, "test")
    try:
        assert await connection.fetch("SELECT version_num FROM alembic_version") == [(HEAD,)]
    finally:
        await connection.close()


async def test_the_migrated_tables_are_those_of_the_code(database_url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    await migrate(database_url)
    async with open_pool(database_url, "test") as engine, engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_runs_of_the_first_release_are_kept_and_told(database_url: str) -> None:
    await migrate(database_url)
    async with open_pool(database_url, "test") as engine, engine.connect() as connection:
        await connection.run_sync(_downgrade)
    connection = await connect(database_url, "test")
    try:
        await connection.execute(
            """
            INSERT INTO runs (job_name, run_id, status, attempt, trigger, digest, instance, requested_at,
                evidence, has_error_log)
            VALUES ('job', '202601020304050000', 'Success', 1, 't', 'd', 'i', now(), '', false)
            """
        )
        await migrate(database_url)
        text = await connection.fetchval("SELECT json_build_array(r)::text FROM runs r")
    finally:
        await connection.close()
    (run,) = msgspec.json.decode(text, type=list[RunView])
    assert (run.run_id, run.next_run_id, run.scheduled_for) == ("202601020304050000", None, None)


def _downgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.downgrade(config, "0001")


async def test_tables_of_a_later_release_are_refused_and_left_alone(database_url: str) -> None:
    await migrate(database_url)
    connection = await connect(database_url, "test")
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(DatabaseTooNew, match=f"version 9999 .* up to {HEAD}"):
            await migrate(database_url)
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()
