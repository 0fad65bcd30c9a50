import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import aiohttp
import asyncpg
from support.eventually import eventually
from support.history import History, Replica, environment_of
from support.stories import Run
from webjobs_history.settings import HistorySettings
from webjobs_stack.ports import free_port


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 while nobody listens."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status, await response.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


async def test_health_and_metrics_are_served(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    port = free_port()
    async with replica(settings.model_copy(update={"health_port": port})):

        async def ready() -> bool:
            return (await get(port, "/healthz"))[0] == 200

        await eventually(ready)
        end = await history.publish(Run(1).whole())
        await history.runs("job", end)
        _, metrics = await get(port, "/metrics")
    assert f"webjobs_history_position {end}.0" in metrics
    for name in ("events_total", "batches_total", "lag", "parked_total", "refused_total"):
        assert f"webjobs_history_{name}" in metrics


async def test_health_names_what_is_missing(settings: HistorySettings, replica: Replica) -> None:
    port = free_port()
    nowhere = f"postgresql://me:secret@127.0.0.1:{free_port()}/webjobs"
    async with replica(settings.model_copy(update={"health_port": port, "database_url": nowhere})):

        async def served() -> bool:
            status, body = await get(port, "/healthz")
            return status == 503 and "endpoints" not in body

        await eventually(served)
        status, body = await get(port, "/healthz")
    assert status == 503
    assert '"postgres": ' in body and "secret" not in body


async def test_migrate_makes_the_tables_and_ends(
    settings: HistorySettings,
    history_process: Callable[..., AbstractAsyncContextManager[asyncio.subprocess.Process]],
) -> None:
    async with history_process(settings, "migrate") as process:
        assert await process.wait() == 0
    connection = await asyncpg.connect(settings.database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM runs") == 0
    finally:
        await connection.close()


async def test_a_bad_environment_is_told_in_one_go(settings: HistorySettings) -> None:
    environment = environment_of(settings) | {"WEBJOBS_HEALTH_PORT": "high", "WEBJOBS_DATABASE_URL": "db"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webjobs_history", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"WEBJOBS_HEALTH_PORT='high'" in errors and b"WEBJOBS_DATABASE_URL" in errors
    assert "WEBJOBS_HEALTH_PORT" not in os.environ
