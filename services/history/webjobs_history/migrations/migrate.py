"""Brings the tables to this release's version; any number of replicas may do so at the same time."""

import structlog
from sqlalchemy import BigInteger, Connection, func, literal, select, text

from webjobs_history.database import Session
from webjobs_history.errors import DatabaseTooNew
from webjobs_history.tables import metadata, positions

log = structlog.stdlib.get_logger(__name__)

HEAD = "0013"
"""The version this release works with: the last one in `versions/`."""

KNOWN = frozenset(f"{number:04}" for number in range(1, int(HEAD) + 1))

_LOCK = 0x5765624A_6D696772  # "WebJmigr": the advisory lock of who migrates


async def migrate(session: Session) -> None:
    """Run the versions that are missing, one replica at a time; nothing when none is.

    A replica of an older release that runs while a newer one migrates goes on; it is refused at its next
    start.

    Raises:
        DatabaseTooNew: A newer release has made the tables.
    """
    if not await session.run(_is_current) and await session.run(_upgrade):
        log.info("tables migrated", version=HEAD)


async def drop_tables(session: Session) -> None:
    """Drop all tables, damaged ones too."""
    # First `positions`: a projector locks it before the other tables, so another order could deadlock.
    others = [table.name for table in metadata.sorted_tables if table is not positions]
    names = ", ".join([positions.name, *others, "alembic_version"])
    await session.run(_drop, names)
    log.warning("tables dropped", tables=names)


async def create_tables(session: Session, version: str) -> None:
    """Make the tables of an earlier version, or of this one, where there are none.

    Raises:
        DatabaseTooNew: This release does not know the version.
    """
    if version not in KNOWN:
        raise DatabaseTooNew(version, HEAD)
    await session.run(_upgrade_to, version)


def _is_current(connection: Connection) -> bool:
    if not connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
        return False
    version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if version is not None and version not in KNOWN:
        raise DatabaseTooNew(version, HEAD)
    return bool(version == HEAD)


def _drop(connection: Connection, names: str) -> None:
    _lock(connection)
    connection.execute(text(f"DROP TABLE IF EXISTS {names} CASCADE"))


def _lock(connection: Connection) -> None:
    """Wait until no other replica migrates; the end of the transaction gives the lock back."""
    connection.execute(select(func.pg_advisory_xact_lock(literal(_LOCK, BigInteger))))


def _upgrade(connection: Connection) -> bool:
    """Run the versions that are missing; returns whether there were any."""
    _lock(connection)
    if _is_current(connection):
        return False
    _upgrade_to(connection, HEAD)
    return True


def _upgrade_to(connection: Connection, version: str) -> None:
    # Imported here: a start that finds the tables in order does not pay for Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "webjobs_history:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, version)
