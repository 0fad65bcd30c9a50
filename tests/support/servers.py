"""Real NATS and Postgres for tests, started once for many."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
from support.background import in_background
from support.clusters import put_cluster
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.postgres import Postgres, run_postgres

TEMPLATE = "webjobs_template"
EMPTY = "template0"

# A test's database need not survive the machine.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}


@contextlib.contextmanager
def nats_for_module(folder: Path) -> Iterator[NatsServer]:
    """One NATS server; tests keep apart by their namespaces."""
    with in_background(_killed_nats_server(folder)) as server:
        yield server


@contextlib.asynccontextmanager
async def _killed_nats_server(folder: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(folder) as server:
        yield server
        server.kill()  # in good order it takes seconds to put thousands of streams away


@contextlib.contextmanager
def postgres_for_session(folder: Path) -> Iterator[Postgres]:
    """One Postgres server with the template that every test's database is copied from."""
    with in_background(_postgres_with_template(folder)) as server:
        yield server


@contextlib.asynccontextmanager
async def own_postgres_in(folder: Path) -> AsyncIterator[Postgres]:
    """A Postgres server that the test may stop, without the history's tables."""
    await put_cluster(folder)
    async with run_postgres(folder, settings={"fsync": "off"}) as server:
        yield server


@contextlib.asynccontextmanager
async def fresh_database(server: Postgres, template: str = TEMPLATE) -> AsyncIterator[str]:
    """URL of a database with the history's tables and no rows, unless another template is named."""
    name = f"test_{secrets.token_hex(6)}"
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield server.url_of(name)
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.asynccontextmanager
async def _postgres_with_template(folder: Path) -> AsyncIterator[Postgres]:
    await put_cluster(folder)
    async with run_postgres(folder, settings=_FAST) as server:
        await _execute(server, f"CREATE DATABASE {TEMPLATE}")
        await migrate_database(server.url_of(TEMPLATE))
        yield server


async def migrate_database(url: str) -> None:
    """Bring the history's tables to the current version."""
    # Here, because most tests need neither Postgres nor the migrations.
    from webjobs_history.database import open_session
    from webjobs_history.migrations.migrate import migrate

    async with open_session(url, "test") as session:
        await migrate(session)


async def _execute(server: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url_of("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
