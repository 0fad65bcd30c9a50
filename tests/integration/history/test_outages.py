from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import msgspec
import pytest
import pytest_asyncio
from support.eventually import eventually
from support.history import History, Replica
from support.servers import own_postgres_in
from support.small_disk import small_disk
from support.stories import Run
from webjobs_events import queries as q
from webjobs_events.jetstream import QueryRefused, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_history import store
from webjobs_history.domain.fold import Fold
from webjobs_history.settings import HistorySettings
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres


@pytest_asyncio.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as server:
        yield server


@pytest_asyncio.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    async with own_postgres_in(tmp_path / "postgres") as server:
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


async def test_both_replicas_are_healthy_again_when_postgres_is_back(
    history: History, settings: HistorySettings, replica: Replica, own_postgres: Postgres
) -> None:
    ports = (free_port(), free_port())
    first, second = (
        settings.model_copy(update={"database_url": own_postgres.url, "health_port": port}) for port in ports
    )

    async def are_healthy() -> bool:
        try:
            return [await _missing(port) for port in ports] == [{}, {}]
        except aiohttp.ClientConnectionError:  # not started yet
            return False

    async def are_in_trouble() -> bool:
        return all([await _missing(port) for port in ports])

    async with replica(first), replica(second):
        await eventually(are_healthy)
        await own_postgres.stop()
        await eventually(are_in_trouble)
        await own_postgres.start()
        await eventually(are_healthy)


async def test_a_connection_that_its_client_left_in_disorder_is_opened_anew(
    history: History, settings: HistorySettings, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, failures = store.load, iter([asyncpg.InternalClientError("another operation is in progress")])

    def load_or_fail(*arguments: Any) -> Fold:
        for failure in failures:
            raise failure
        return load(*arguments)

    monkeypatch.setattr(store, "load", load_or_fail)
    run = Run(1)
    async with replica(settings):
        end = await history.publish([run.initializing()])
        assert await history.run("job", run.run_id, end)


async def test_a_history_whose_postgres_stores_nothing_is_not_ready_though_it_answers(
    history: History, settings: HistorySettings, replica: Replica, own_postgres: Postgres
) -> None:
    run, port = Run(1), free_port()

    async with replica(settings.model_copy(update={"database_url": own_postgres.url, "health_port": port})):
        end = await history.publish([run.initializing()])
        assert await history.run("job", run.run_id, end)
        assert await _missing(port) == {}
        await _let_postgres_store(own_postgres, False)
        await history.publish([run.running()])
        found = await eventually(lambda: _missing(port))
        assert "read-only" in found["projection"]
        assert await refusal(history) == 0
        await _let_postgres_store(own_postgres, True)

        async def is_ready() -> bool:
            return not await _missing(port)

        await eventually(is_ready)


async def test_a_full_disk_of_postgres_is_said_and_projecting_resumes_when_there_is_room(
    history: History, settings: HistorySettings, replica: Replica, tmp_path: Path
) -> None:
    port = free_port()
    with small_disk(tmp_path / "disk", 128) as disk:
        async with (
            own_postgres_in(disk.path / "postgres") as server,
            replica(settings.model_copy(update={"database_url": server.url, "health_port": port})),
        ):
            first = Run(1)
            end = await history.publish([first.initializing()])
            assert await history.run("job", first.run_id, end)
            disk.fill()
            runs = [Run(number) for number in range(2, 150)]
            end = await history.publish([run.initializing() for run in runs])
            missing = await eventually(lambda: _missing(port))
            assert "No space left on device" in missing["projection"]
            assert await refusal(history) == 0, "what is projected is answered"
            disk.free()
            assert await history.run("job", runs[-1].run_id, end)

            async def is_ready() -> bool:
                return not await _missing(port)

            await eventually(is_ready)


async def _missing(port: int) -> dict[str, str]:
    """What /healthz of history says is missing, by the name of the check."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/healthz") as answer,
    ):
        return dict((await answer.json()).get("missing", {}))


async def _let_postgres_store(server: Postgres, stores: bool) -> None:
    """Without: as a managed server does when its disk is almost full."""
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute("SET default_transaction_read_only = off")
        read_only = "off" if stores else "on"
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


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
