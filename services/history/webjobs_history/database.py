"""Connections to Postgres: a session for the projector, pools for queries; all bounded in time.

Every statement goes through SQLAlchemy Core. Only this module imports the driver: to open connections, and
for what SQLAlchemy does not offer.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from webjobs_history.errors import ConnectionLost

T = TypeVar("T")
P = ParamSpec("P")

_Driver: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The engines get the dialect only: asyncpg reads the URL, so that every spelling it takes is good.
_DIALECT = "postgresql+asyncpg://"

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


class Session:
    """One connection to Postgres. A lost one is not replaced, because its advisory locks are lost with it."""

    def __init__(self, connection: AsyncConnection, driver: _Driver) -> None:
        self._connection = connection
        self._driver = driver

    async def run(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run work in a transaction of its own, and return what it returns.

        The work is one synchronous function, because awaiting each statement costs SQLAlchemy more time.

        Raises:
            ConnectionLost: The connection was lost earlier.
        """
        return await self._connection.run_sync(_in_transaction, work, *args, **kwargs)

    def on_loss(self, callback: Callable[[], None]) -> None:
        """Call back when the connection is lost."""
        self._driver.add_termination_listener(lambda _connection: callback())

    async def listen(self, channel: str, callback: Callable[[], None]) -> None:
        """Call back when another session notifies the channel."""

        def on_notification(_connection: object, author: int, _channel: str, _payload: object) -> None:
            if author != self._driver.get_server_pid():
                callback()

        await self._driver.add_listener(channel, on_notification)


def _in_transaction(
    connection: Connection,
    work: Callable[Concatenate[Connection, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    with connection.begin():
        return work(connection, *args, **kwargs)


@asynccontextmanager
async def open_session(url: str, purpose: str) -> AsyncIterator[Session]:
    """Open a session; its end gives its locks back."""
    was_opened = False

    async def connect_once() -> _Driver:
        nonlocal was_opened
        if was_opened:
            raise ConnectionLost
        was_opened = True
        return await _connect(url, purpose)

    engine = create_async_engine(_DIALECT, async_creator=connect_once, poolclass=NullPool)
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        try:
            yield Session(connection, driver)
        finally:
            driver.terminate()  # an orderly end would wait for a server that is gone


@asynccontextmanager
async def open_snapshot(url: str, purpose: str) -> AsyncIterator[AsyncConnection]:
    """A connection whose reads all see the database as it was at the first of them; it writes nothing."""
    engine = create_async_engine(
        _DIALECT,
        async_creator=lambda: _connect(url, purpose),
        isolation_level="REPEATABLE READ",
        poolclass=NullPool,
    )
    async with engine.connect() as connection:
        yield connection


@asynccontextmanager
async def open_pool(
    url: str, purpose: str, *, size: int = 1, timeout: float = STATEMENT_TIMEOUT
) -> AsyncIterator[AsyncEngine]:
    """An engine; it connects at the first use and tries each connection before it is used again.

    Each statement is a transaction, which saves two round trips.
    """
    engine = create_async_engine(
        _DIALECT,
        async_creator=lambda: _connect(url, purpose, timeout=timeout),
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT,
        pool_pre_ping=True,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def _connect(url: str, purpose: str, *, timeout: float = STATEMENT_TIMEOUT) -> _Driver:
    """A connection; `purpose` is shown in the server's list of sessions."""
    connection: _Driver = await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT,
        command_timeout=timeout,
        server_settings=_SESSION | {"application_name": f"webjobs history {purpose}"},
    )
    return connection


def sqlstate_of(error: BaseException) -> str:
    """The code that Postgres gave an error; empty when it did not come from there."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def describe(error: BaseException) -> str:
    """What went wrong, without the statement that SQLAlchemy adds."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(cause) or type(cause).__name__
