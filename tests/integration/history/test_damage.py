"""A damaged database: history says so, refuses queries, and is rebuilt from the events when told to."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest
import pytest_asyncio
from support.eventually import eventually
from support.history import History, Process, Replica
from support.servers import own_postgres_in
from support.stories import Run
from webjobs_events import queries as q
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import QueryRefused
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobName
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import DATABASE, Postgres

RUNS = [Run(number) for number in range(20)]


@pytest_asyncio.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with own_postgres_in(tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def own_settings(own_postgres: Postgres, settings: HistorySettings) -> HistorySettings:
    changes = {"database_url": own_postgres.url, "health_port": free_port()}
    return settings.model_copy(update=changes)


async def missing(settings: HistorySettings) -> dict[str, str]:
    """The checks that fail, with their reasons."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{settings.health_port}/healthz") as answer:
            return dict((await answer.json()).get("missing", {}))


async def refusal(history: History) -> str:
    """Why a query is refused; empty when it is answered."""
    try:
        query = q.RunsQuery(job_name=JobName("job"), limit=1000)
        await history.bus.ask(q.RUNS, msgspec.json.encode(query))
    except QueryRefused as error:
        assert error.code == 503
        return error.text
    except BusUnavailable:
        return "not served yet"
    return ""


async def damage_the_runs(server: Postgres, url: str) -> None:
    connection = await asyncpg.connect(url)
    file = server.cluster / await connection.fetchval("SELECT pg_relation_filepath('runs')")
    await connection.execute("CHECKPOINT")
    await connection.close()
    await server.stop()
    file.write_bytes(os.urandom(file.stat().st_size))
    await server.start()


async def drop_the_runs(_server: Postgres, url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE runs")
    await connection.close()


@pytest.mark.parametrize("damage", [damage_the_runs, drop_the_runs])
async def test_damage_is_reported_and_mended_by_a_rebuild(
    history: History,
    own_settings: HistorySettings,
    own_postgres: Postgres,
    replica: Replica,
    history_process: Process,
    damage: object,
) -> None:
    async with replica(own_settings):
        end = await history.publish([event for run in RUNS for event in run.whole()])
        before = await history.everything(end)
        await damage(own_postgres, own_settings.database_url)  # type: ignore[operator]
        await history.publish([Run(999, "other").success()])  # looked up, and refused
        await eventually(lambda: _is_refused(history), 20)
        await eventually(lambda: _is_told(own_settings), 20)
        async with history_process(own_settings, "rebuild", "--recreate-tables") as process:
            assert await process.wait() == 0
        await eventually(lambda: _is_answered(history), 20)
        assert await history.everything(end) == before
        await eventually(lambda: _misses_nothing(own_settings), 20)


async def _misses_nothing(settings: HistorySettings) -> bool:
    return not await missing(settings)


async def _is_refused(history: History) -> bool:
    return bool(await refusal(history))


async def _is_answered(history: History) -> bool:
    return not await refusal(history)


async def _is_told(settings: HistorySettings) -> bool:
    found = await missing(settings)
    return any("damaged or incomplete" in text and "repair history" in text for text in found.values())


async def test_a_database_that_was_dropped_is_reported_and_filled_when_it_is_there_again(
    history: History, own_settings: HistorySettings, own_postgres: Postgres, replica: Replica
) -> None:
    async with replica(own_settings):
        end = await history.publish([event for run in RUNS for event in run.whole()])
        before = await history.everything(end)
        server = await asyncpg.connect(own_postgres.url_of("postgres"))
        try:
            await server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
            await eventually(lambda: _is_told(own_settings), 20)
            assert await refusal(history)
            await server.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await server.close()
        assert await history.everything(end) == before
        await eventually(lambda: _is_whole(own_settings), 20)


async def _is_whole(settings: HistorySettings) -> bool:
    return await missing(settings) == {}
