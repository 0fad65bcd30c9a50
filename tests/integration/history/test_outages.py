from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest_asyncio
from integration.history.replicas import History, Replica
from support.eventually import eventually
from unit.history.stories import Run
from webjobs_events import queries as q
from webjobs_events.jetstream import QueryRefused, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_history.settings import HistorySettings
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.postgres import Postgres, run_postgres


@pytest_asyncio.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as server:
        yield server


@pytest_asyncio.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with run_postgres(tmp_path / "postgres", settings={"fsync": "off"}) as server:
        yield server


async def refusal(history: History) -> int:
    """The code with which a query is refused; 0 when it is answered."""
    try:
        await history.bus.ask(q.LATEST_RUNS, msgspec.json.encode(q.LatestRunsQuery()))
    except QueryRefused as error:
        return error.code
    return 0


async def test_while_postgres_is_away_queries_are_refused_and_projecting_resumes_after(
    history: History, settings: HistorySettings, replica: Replica, own_postgres: Postgres
) -> None:
    run = Run(1)
    async with replica(settings.model_copy(update={"database_url": own_postgres.url})):
        end = await history.publish([run.initializing()])
        assert await history.run("job", run.run_id, end)
        await own_postgres.stop()
        assert await refusal(history) == 503
        end = await history.publish([run.running(), run.success()])
        assert await refusal(history) == 503
        await own_postgres.start()
        view = await history.run("job", run.run_id, end)
        assert view is not None and view.status == "Success"


async def test_history_starts_before_postgres_does(
    history: History, settings: HistorySettings, replica: Replica, own_postgres: Postgres
) -> None:
    url = own_postgres.url
    await own_postgres.stop()
    async with replica(settings.model_copy(update={"database_url": url})):
        assert await eventually(lambda: _refused_or_none(history)) == 503
        await own_postgres.start()
        assert await history.latest() == []


async def _refused_or_none(history: History) -> int:
    try:
        return await refusal(history)
    except Exception:  # nobody answers yet
        return 0


async def test_after_an_outage_of_nats_projecting_goes_on(
    settings: HistorySettings, replica: Replica, own_nats: NatsServer, namespace: str
) -> None:
    run = Run(1)
    async with (
        replica(settings.model_copy(update={"nats_url": own_nats.url})),
        connect_bus(own_nats.url, name="test", subjects=Subjects(namespace)) as bus,
    ):
        history = History(bus)
        end = await history.publish([run.initializing()])
        assert await history.run("job", run.run_id, end)
        await own_nats.stop()
        await own_nats.start()
        await eventually(lambda: bus.is_connected)
        end = await history.publish([run.running()])
        view = await history.run("job", run.run_id, end)
        assert view is not None and view.status == "Running"
