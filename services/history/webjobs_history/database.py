"""Connections to Postgres: one of its own for who projects, a pool for queries; all bounded in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_TIMEOUT = 2.0  # seconds
STATEMENT_TIMEOUT = 60.0  # seconds

_SESSION = {
    "timezone": "UTC",
    # A machine that vanished must not hold the projector's lock for hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

TROUBLES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that breaks off in the middle of a statement may be left so
    SQLAlchemyError,
    OSError,
    TimeoutError,
)
"""What any use of Postgres raises when it is away, or does not have the tables yet."""


async def connect(url: str, purpose: str, *, timeout: float = STATEMENT_TIMEOUT) -> Connection:
    """A connection; `purpose` is shown in the server's list of sessions."""
    connection: Connection = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT,
        command_timeout=timeout,
        server_settings=_SESSION | {"application_name": f"webjobs history {purpose}"},
    )
    return connection


@asynccontextmanager
async def open_pool(
    url: str,
    purpose: str,
    *,
    size: int = 1,
    timeout: float = STATEMENT_TIMEOUT,
    single_statements: bool = False,
) -> AsyncIterator[AsyncEngine]:
    """An engine; it connects at the first use and tries each connection before it is used again.

    With `single_statements` each statement is a transaction, which saves two round trips.
    """
    # The engine gets the dialect only: asyncpg reads the URL, so that every spelling it takes is good.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(url, purpose, timeout=timeout),
        isolation_level="AUTOCOMMIT" if single_statements else "READ COMMITTED",
        pool_size=size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT,
        pool_pre_ping=True,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


def sqlstate_of(error: BaseException) -> str:
    """The code that Postgres gave an error; empty when it did not come from there."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def describe(error: BaseException) -> str:
    """What went wrong, without the statement that SQLAlchemy adds."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause) or type(cause).__name__
