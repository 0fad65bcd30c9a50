import asyncio
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from webjobs_history import migrations
from webjobs_history.database import connect, open_pool
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


async def test_tables_of_a_later_release_are_left_alone(database_url: str) -> None:
    await migrate(database_url)
    connection = await connect(database_url, "test")
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await migrate(database_url)
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()
