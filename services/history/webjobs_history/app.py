"""The only wiring of history: builds the components from the settings and runs them until stopped."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from webjobs_events.jetstream import Bus, LiveSettings, connect_bus, metrics_served
from webjobs_events.outage import OUTAGE_PATIENCE, Outage
from webjobs_events.queries import ROWS
from webjobs_events.subjects import Subjects
from webjobs_service.health import run_health_server
from webjobs_service.lifetime import cancellable, side_tasks
from webjobs_service.release import VERSION as RELEASE

from webjobs_history.backup.row_dumps import RowDumps
from webjobs_history.damage import Damage
from webjobs_history.database import open_pool, open_session
from webjobs_history.endpoints import READ_TIMEOUT, SERVICE, VERSION, Endpoints
from webjobs_history.health import Readiness
from webjobs_history.log_purge import LogPurge
from webjobs_history.migrations.migrate import migrate
from webjobs_history.progress import Progress
from webjobs_history.projector import Projector
from webjobs_history.queries import Queries
from webjobs_history.rebuild import rebuild_projection
from webjobs_history.rebuild_options import RebuildOptions
from webjobs_history.retention import Retention
from webjobs_history.settings import HistorySettings

log = structlog.stdlib.get_logger(__name__)

HISTORY_SIZE = "WEBJOBS_HISTORY_SIZE"

_QUERY_CONNECTIONS = 8


async def serve(settings: HistorySettings, stop: asyncio.Event) -> None:
    """Project and answer until stopped; then answer pending queries, finish the batch, and close."""
    readiness = Readiness()
    async with run_health_server(
        settings.health_host, settings.health_port, readiness.checks(), readiness.notes
    ):
        await _until(stop, _serve(settings, readiness))


async def rebuild(
    settings: HistorySettings,
    stop: asyncio.Event,
    options: RebuildOptions = RebuildOptions(),  # noqa: B008
) -> None:
    """Drop the projection and replay the stream; see `rebuild_projection`."""

    async def work() -> None:
        async with _connected(settings) as (bus, _live):
            await rebuild_projection(bus, settings.database_url, options)

    await _until(stop, work())


async def migrate_tables(settings: HistorySettings, stop: asyncio.Event) -> None:
    """Bring the tables to this release's version."""

    async def work() -> None:
        async with open_session(settings.database_url, "migration") as session:
            await migrate(session)

    await _until(stop, work())


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run to the end of the work, or until stopped; then it is cancelled and closes what it opened."""
    running = asyncio.ensure_future(cancellable(work))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        cancelled = running.cancel()
        with contextlib.suppress(asyncio.CancelledError) if cancelled else contextlib.nullcontext():
            await running


async def _serve(settings: HistorySettings, readiness: Readiness) -> None:
    url = settings.database_url
    async with (
        _connected(settings) as (bus, live),
        metrics_served(bus, "history", socket.gethostname(), RELEASE),
        open_pool(url, "queries", size=_QUERY_CONNECTIONS, timeout=READ_TIMEOUT) as for_queries,
        open_pool(url, "upkeep") as for_upkeep,
        open_pool(url, "health", timeout=READ_TIMEOUT) as for_health,
        RowDumps(url) as dumps,
    ):
        progress = Progress()
        queries = Queries(for_queries)
        retention = _retention(settings, bus, live, for_upkeep)
        log_purge = LogPurge(bus, for_upkeep)
        damage = Damage()
        projector = Projector(bus, url, progress, damage)
        projector.on_commit(retention.committed)
        readiness.connected(bus, queries, projector, for_health, damage)
        outage = Outage(
            log, "database for queries", patience=OUTAGE_PATIENCE, explained_by=lambda: projector.outage.is_on
        )
        companions = [retention.while_projecting, log_purge.while_projecting]
        async with (
            side_tasks(projector=projector.run(companions)),
            bus.serve(
                SERVICE,
                VERSION,
                {**Endpoints(bus, queries, progress, outage, damage).handlers(), ROWS: dumps.rows},
            ),
        ):
            readiness.serving = True
            try:
                await asyncio.Event().wait()
            finally:
                readiness.serving = False


@contextlib.asynccontextmanager
async def _connected(settings: HistorySettings) -> AsyncIterator[tuple[Bus, LiveSettings]]:
    subjects = Subjects(settings.namespace)
    environment = {HISTORY_SIZE: str(settings.history_size)}
    async with (
        connect_bus(
            settings.nats_url, name="history", subjects=subjects, replicas=settings.nats_replicas
        ) as bus,
        bus.live_settings(environment) as live,
    ):
        yield bus, live


def _retention(settings: HistorySettings, bus: Bus, live: LiveSettings, engine: AsyncEngine) -> Retention:
    retention = Retention(bus, engine, lambda: live.integer(HISTORY_SIZE, settings.history_size, least=1))

    def on_change(name: str) -> None:
        if name == HISTORY_SIZE:
            retention.limit_changed()

    live.on_change(on_change)
    return retention
