"""An event stream that was replaced, cut or damaged: history keeps its rows and says what is lost."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from integration.history.test_projector import publish_quickly
from support.eventually import eventually
from support.history import History, Process, Replica
from support.stories import Run
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import connect_bus, stream_state
from webjobs_events.subjects import Subjects
from webjobs_history.migrations.migrate import HEAD
from webjobs_history.settings import HistorySettings
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.ports import free_port

STREAM = Subjects().events_stream
REFUSED = 3


@pytest_asyncio.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def own_settings(own_nats: NatsServer, settings: HistorySettings) -> HistorySettings:
    changes = {"nats_url": own_nats.url, "namespace": "webjobs", "health_port": free_port()}
    return settings.model_copy(update=changes)


@contextlib.asynccontextmanager
async def asking(settings: HistorySettings) -> AsyncIterator[History]:
    async with connect_bus(settings.nats_url, name="test", subjects=Subjects()) as bus:
        yield History(bus)


async def health(settings: HistorySettings) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{settings.health_port}/healthz") as answer:
            return answer.status, (await answer.json()).get("notes", {})


async def metric(settings: HistorySettings, name: str) -> float:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{settings.health_port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def publish(history: History, run: Run) -> int:
    """All events of a run, as soon as there is a stream for them."""

    async def published() -> int | None:
        with contextlib.suppress(BusUnavailable):
            return await history.publish(run.whole())
        return None

    sequence = await eventually(published)
    assert sequence is not None
    return sequence


async def test_history_keeps_its_rows_when_the_stream_is_deleted_under_it(
    own_settings: HistorySettings, replica: Replica, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = Run(1), Run(2)
    async with replica(own_settings), asking(own_settings) as history:
        end = await history.publish(old.whole())
        assert await history.run_ids("job", end) == [old.run_id]
        assert (await health(own_settings))[1] == {}
        await history.bus.connection.js.delete_stream(STREAM)
        await publish(history, new)
        await eventually(lambda: _has(history, [new.run_id, old.run_id]), 20)
        assert await history.run_ids("job", end) == [new.run_id, old.run_id]  # a sequence of before
        status, notes = await health(own_settings)
        assert status == 200 and STREAM in notes["streams"] and "another one" in notes["history"]
        assert await metric(own_settings, "webjobs_history_stream_losses") == 1
    assert capsys.readouterr().out.count("events were lost") == 1


async def _has(history: History, run_ids: list[str]) -> bool:
    return await history.run_ids("job") == run_ids


@pytest.mark.parametrize("new_events", ["fewer", "more"])
async def test_history_keeps_its_rows_when_the_folder_of_nats_is_removed(
    own_nats: NatsServer, own_settings: HistorySettings, replica: Replica, new_events: str
) -> None:
    old, new = [Run(number) for number in range(3)], [Run(number) for number in range(3, 8)]
    async with replica(own_settings), asking(own_settings) as history:
        end = await publish_quickly(history.bus, [event for run in old for event in run.whole()])
        assert len(await history.run_ids("job", end)) == 3
    await own_nats.stop()
    shutil.rmtree(own_nats.store_dir / "jetstream")
    await own_nats.start()
    count = 1 if new_events == "fewer" else 5
    async with asking(own_settings) as history:
        for run in new[:count]:
            end = await history.publish(run.whole())
        for _ in range(2):  # at the second start the loss is known
            async with replica(own_settings):
                expected = sorted((run.run_id for run in [*old, *new[:count]]), reverse=True)
                assert await history.run_ids("job", end) == expected

                async def note() -> str:
                    return (await health(own_settings))[1].get("history", "")

                assert (await eventually(note)).count("another one") == 1


async def test_a_stream_that_lost_its_end_and_was_written_on_is_projected_from_there(
    own_nats: NatsServer, own_settings: HistorySettings, replica: Replica
) -> None:
    """By its sequences alone it looks as if nothing had happened."""
    old, new = [Run(number) for number in range(60)], [Run(number) for number in range(60, 120)]
    async with replica(own_settings), asking(own_settings) as history:
        end = await publish_quickly(history.bus, [event for run in old for event in run.whole()])
        assert len(await history.run_ids("job", end)) == 60
    await own_nats.stop()
    _damage(own_nats, max, where=0.6)
    await own_nats.start()
    async with asking(own_settings) as history:
        last = (await stream_state(history.bus, STREAM)).last
        assert last < end
        end = await publish_quickly(history.bus, [event for run in new for event in run.whole()])
        async with replica(own_settings):
            assert len(await history.run_ids("job", end)) == 120
            assert {run.status for run in await history.runs("job", end)} == {"Success"}
            assert f"lost its events {last + 1} to 180" in (await health(own_settings))[1]["history"]


def _damage(server: NatsServer, which: Callable[..., Path], *, where: float) -> None:
    """Overwrite 4 KB of the stream's oldest (`min`) or newest (`max`) block, at a part of its length."""
    block = which(server.store_dir.rglob(f"{STREAM}/msgs/*.blk"), key=lambda path: int(path.stem))
    with block.open("r+b") as file:
        file.seek(int(block.stat().st_size * where))
        file.write(os.urandom(4096))


async def test_events_missing_in_the_stream_are_counted_and_refuse_a_rebuild(
    own_nats: NatsServer,
    own_settings: HistorySettings,
    replica: Replica,
    history_process: Process,
    capsys: pytest.CaptureFixture[str],
) -> None:
    count = 1300  # of 7 KB: more than one block of the stream's files
    settings = own_settings.model_copy(update={"history_size": 10 * count})
    events = [Run(number).initializing(arguments="x" * 7000) for number in range(count)]
    async with asking(settings) as history, replica(settings):
        end = await publish_quickly(history.bus, [*events])
        assert len(await history.latest(at_least=end)) == 1
        assert await metric(settings, "webjobs_events_missing") == 0
    await own_nats.stop()
    _damage(own_nats, min, where=0.5)
    await own_nats.start()
    async with asking(settings) as history, replica(settings):
        missing = (await stream_state(history.bus, STREAM)).missing
        assert 0 < missing < count
        await eventually(lambda: _is_noted(settings, missing))
        assert await metric(settings, "webjobs_events_missing") == missing
        assert "events are missing in their stream" in capsys.readouterr().out
        assert await stored_runs(settings) == count
        async with history_process(settings, "rebuild") as process:
            assert await process.wait() == REFUSED
        assert await stored_runs(settings) == count
        async with history_process(settings, "rebuild", "--force") as process:
            assert await process.wait() == 0
        assert await stored_runs(settings) == count - missing


async def stored_runs(settings: HistorySettings) -> int:
    connection = await asyncpg.connect(settings.database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM runs"))
    finally:
        await connection.close()


async def _is_noted(settings: HistorySettings, missing: int) -> bool:
    return f"{missing} events are missing" in (await health(settings))[1].get("events", "")


async def test_a_rebuild_refuses_to_delete_what_a_replaced_stream_cannot_bring_back(
    own_settings: HistorySettings, replica: Replica, history_process: Process
) -> None:
    old, new = Run(1), Run(2)
    async with asking(own_settings) as history:
        end = await history.publish(old.whole())
        async with replica(own_settings):
            assert await history.run_ids("job", end) == [old.run_id]
        await history.bus.connection.js.delete_stream(STREAM)
        end = await publish(history, new)
        async with history_process(own_settings, "rebuild", "--force") as process:
            assert await process.wait() == REFUSED  # before any replica has seen it
        async with replica(own_settings):
            assert await history.run_ids("job", end) == [new.run_id, old.run_id]
        async with history_process(own_settings, "rebuild") as process:
            assert await process.wait() == REFUSED  # and after
        async with history_process(own_settings, "rebuild", "--accept-new-stream") as process:
            assert await process.wait() == 0
        async with replica(own_settings):
            assert await history.run_ids("job", end) == [new.run_id]
        async with history_process(own_settings, "rebuild") as process:
            assert await process.wait() == 0


@pytest.mark.parametrize("command", ["serve", "migrate", "rebuild"])
async def test_a_database_of_a_newer_release_is_refused(
    settings: HistorySettings, history_process: Process, history: History, command: str
) -> None:
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        async with history_process(settings, command) as process:
            assert await process.wait() == REFUSED
        assert await connection.fetchval("SELECT count(*) FROM positions") == 0
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()
    assert HEAD != "9999"
