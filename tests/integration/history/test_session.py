"""A session of history ends with its connection, and leaves no transaction open."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from support.eventually import eventually
from webjobs_history.database import open_session
from webjobs_history.errors import ConnectionLost

LOCK = 0x7E57


def _pid(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def _lock(connection: Connection) -> bool:
    return connection.scalar(text(f"SELECT pg_try_advisory_lock({LOCK})")) is True


def _sleep(connection: Connection) -> None:
    connection.execute(text("SELECT pg_sleep(60)"))


def _fail(connection: Connection) -> None:
    connection.execute(text("SELECT 1 / 0"))


async def test_a_lost_connection_is_not_replaced(database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    losses: list[str] = []
    async with open_session(database_url, "test") as session:
        session.on_loss(lambda: losses.append("lost"))
        assert await session.run(_lock)
        await other.execute("SELECT pg_terminate_backend($1)", await session.run(_pid))
        with pytest.raises(DBAPIError):
            await session.run(_pid)
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await session.run(_pid)
        assert losses == ["lost"]
        assert await other.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"), "the lock went with the session"
    await other.close()


async def test_a_session_whose_work_was_cancelled_is_not_replaced(database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    async with open_session(database_url, "test") as session:
        pid = await session.run(_pid)
        work = asyncio.ensure_future(session.run(_sleep))

        async def is_asleep() -> bool:
            query = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1"
            return bool(await other.fetchval(query, pid))

        await eventually(is_asleep)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        with pytest.raises(ConnectionLost):
            await session.run(_pid)
    await other.close()


async def test_a_session_at_rest_has_its_locks_and_no_open_transaction(database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    query = "SELECT state FROM pg_stat_activity WHERE pid = $1"
    async with open_session(database_url, "test") as session:
        pid = await session.run(_pid)
        assert await session.run(_lock)
        assert await other.fetchval(query, pid) == "idle"
        with pytest.raises(DBAPIError):
            await session.run(_fail)
        assert await other.fetchval(query, pid) == "idle"
        assert not await other.fetchval(f"SELECT pg_try_advisory_lock({LOCK})")

    async def was_given_back() -> bool:
        return bool(await other.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"))

    await eventually(was_given_back)
    await other.close()


async def test_a_notification_of_its_own_is_not_heard(database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    heard = 0

    def notified() -> None:
        nonlocal heard
        heard += 1

    def notify(connection: Connection) -> None:
        connection.execute(text("NOTIFY test_channel"))

    async with open_session(database_url, "test") as session:
        await session.listen("test_channel", notified)
        await session.run(notify)
        await other.execute("NOTIFY test_channel")
        await eventually(lambda: heard)
        assert heard == 1
    await other.close()
