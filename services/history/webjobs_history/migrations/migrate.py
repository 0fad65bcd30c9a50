"""Brings the tables to this release's version; any number of replicas may do so at the same time."""

import structlog
from sqlalchemy import Connection as SyncConnection

from webjobs_history.database import Connection, connect, open_pool
from webjobs_history.errors import DatabaseTooNew
from webjobs_history.tables import metadata

log = structlog.stdlib.get_logger(__name__)

HEAD = "0007"
"""The version this release works with: the last one in `versions/`."""

_KNOWN = frozenset(f"{number:04}" for number in range(1, int(HEAD) + 1))

_LOCK = 0x5765624A_6D696772  # "WebJmigr": the advisory lock of who migrates


async def migrate(url: str) -> None:
    """Run the versions that are missing, one replica at a time; nothing when none is.

    A replica of an older release that runs while a newer one migrates goes on; it is refused at its next
    start.

    Raises:
        DatabaseTooNew: A newer release has made the tables.
    """
    connection = await connect(url, "migration")
    try:
        if await _is_current(connection):
            return
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if not await _is_current(connection):
            async with open_pool(url, "migration") as engine, engine.connect() as migrating:
                await migrating.run_sync(_upgrade)
            log.info("tables migrated", version=HEAD)
    finally:
        await connection.close()  # which gives the lock back


async def drop_tables(url: str) -> None:
    """Drop all tables, damaged ones too."""
    connection = await connect(url, "migration")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        names = ", ".join(["alembic_version", *(table.name for table in metadata.sorted_tables)])
        await connection.execute(f"DROP TABLE IF EXISTS {names} CASCADE")
        log.warning("tables dropped", tables=names)
    finally:
        await connection.close()


async def _is_current(connection: Connection) -> bool:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return False
    version = await connection.fetchval("SELECT version_num FROM alembic_version")
    if version is not None and str(version) not in _KNOWN:
        raise DatabaseTooNew(str(version), HEAD)
    return bool(version == HEAD)


def _upgrade(connection: SyncConnection) -> None:
    # Imported here: a start that finds the tables in order does not pay for Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "webjobs_history:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
