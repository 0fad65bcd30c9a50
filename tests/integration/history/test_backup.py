"""Backups of streams that have lost something, and restores that are refused or interrupted."""

import asyncio
import contextlib
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from integration.history.test_lost_events import publish
from support.history import History, Replica
from support.stories import Run
from webjobs_events.jetstream import Bus, connect_bus, stream_state
from webjobs_events.subjects import Subjects
from webjobs_history.app import rebuild
from webjobs_history.backup.archive import ArchiveReader
from webjobs_history.backup.errors import BackupTooNew, NoRows, NotEmpty, StillRunning
from webjobs_history.backup.format import Manifest
from webjobs_history.backup.restore import restore_backup
from webjobs_history.backup.settings import BackupSettings
from webjobs_history.backup.take import take_backup
from webjobs_history.errors import RebuildRefused
from webjobs_history.settings import HistorySettings


async def taken(settings: HistorySettings, file: Path) -> Manifest:
    return await take_backup(BackupSettings(nats_url=settings.nats_url, namespace=settings.namespace), file)


@pytest.fixture
def elsewhere(settings: HistorySettings, namespace: str, empty_database_url: str) -> HistorySettings:
    """Another stack, which is empty: its namespace and its database."""
    return settings.model_copy(
        update={"namespace": f"{namespace[:20]}other", "database_url": empty_database_url}
    )


@contextlib.asynccontextmanager
async def asking(settings: HistorySettings) -> AsyncIterator[History]:
    subjects = Subjects(settings.namespace)
    async with connect_bus(settings.nats_url, name="test", subjects=subjects) as bus:
        yield History(bus)


async def test_rows_that_no_event_can_bring_back_are_restored(
    settings: HistorySettings,
    elsewhere: HistorySettings,
    history: History,
    bus: Bus,
    replica: Replica,
    tmp_path: Path,
) -> None:
    lost, new, later = Run(1), Run(2), Run(3)
    async with replica(settings):
        await history.run_ids("job", await history.publish(lost.whole()))
        await bus.connection.js.delete_stream(bus.subjects.events_stream)
        end = await publish(history, new)
        assert await history.run_ids("job", end) == [new.run_id, lost.run_id]
        manifest = await taken(settings, tmp_path / "file")
        await history.publish(later.whole())
    assert manifest.sequence == end

    await restore_backup(elsewhere, tmp_path / "file")

    async with replica(elsewhere), asking(elsewhere) as restored:
        state = await stream_state(restored.bus, restored.bus.subjects.events_stream)
        assert (state.first, state.last) == (manifest.first_sequence, end)
        assert await restored.run_ids("job", state.last) == [new.run_id, lost.run_id]
    with pytest.raises(RebuildRefused):
        await rebuild(elsewhere, asyncio.Event())


async def test_the_gaps_of_a_stream_close_and_are_noted(
    settings: HistorySettings,
    elsewhere: HistorySettings,
    history: History,
    bus: Bus,
    replica: Replica,
    tmp_path: Path,
) -> None:
    first, second = Run(1), Run(2)
    async with replica(settings):
        end = await history.publish([*first.whole(), *second.whole()])
        ids = await history.run_ids("job", end)
        running = bus.subjects.job_event("triggered", "job", "Running")
        await bus.connection.js.purge_stream(bus.subjects.events_stream, subject=running)
        manifest = await taken(settings, tmp_path / "file")
    assert manifest.lost_events == 2

    await restore_backup(elsewhere, tmp_path / "file")

    async with replica(elsewhere), asking(elsewhere) as restored:
        assert await restored.bus.last_sequence(restored.bus.subjects.events_stream) == end - 2
        assert await restored.run_ids("job", end - 2) == ids
        third = Run(3)
        after = await restored.publish(third.whole())
        assert await restored.run_ids("job", after) == [third.run_id, *ids]
    with pytest.raises(RebuildRefused, match="lacks 2 events"):
        await rebuild(elsewhere, asyncio.Event())


async def test_what_is_there_is_not_mixed_with_a_backup(
    settings: HistorySettings, history: History, replica: Replica, tmp_path: Path
) -> None:
    async with replica(settings):
        await history.run_ids("job", await history.publish(Run(1).whole()))
        await taken(settings, tmp_path / "file")
    with pytest.raises(NotEmpty, match="an event of a job"):
        await restore_backup(settings, tmp_path / "file")
    assert await history.bus.last_sequence(history.bus.subjects.events_stream) == 3


async def test_a_restore_does_not_begin_beside_a_history(
    settings: HistorySettings,
    elsewhere: HistorySettings,
    replica: Replica,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_history.backup.restore._LEASES_SECONDS", 1.0)
    async with replica(settings):
        await history.run_ids("job", await history.publish(Run(1).whole()))
        await taken(settings, tmp_path / "file")
    async with replica(elsewhere), asking(elsewhere) as there:
        await there.runs("job")
        with pytest.raises(StillRunning, match="History is running"):
            await restore_backup(elsewhere, tmp_path / "file")


def with_tables(version: str, file: Path) -> Path:
    """A backup as a release with these tables makes it."""
    changed = file.with_name(f"tables-{version}")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                data = json.dumps({**json.loads(data), "tables": version}).encode()
            new.writestr(name, data)
    return changed


async def test_rows_of_an_earlier_release_are_brought_up_to_date_and_those_of_a_later_one_refused(
    settings: HistorySettings,
    elsewhere: HistorySettings,
    replica: Replica,
    history: History,
    tmp_path: Path,
) -> None:
    run = Run(1)
    async with replica(settings):
        end = await history.publish(run.whole())
        await history.run_ids("job", end)
        await taken(settings, tmp_path / "file")
    with pytest.raises(BackupTooNew):
        await restore_backup(elsewhere, with_tables("9999", tmp_path / "file"))

    await restore_backup(elsewhere, with_tables("0010", tmp_path / "file"))

    async with replica(elsewhere), asking(elsewhere) as restored:
        assert await restored.run_ids("job", end) == [run.run_id]


async def test_without_a_history_nothing_is_written(
    settings: HistorySettings, bus: Bus, tmp_path: Path
) -> None:
    with pytest.raises(NoRows, match="webjobs status"):
        await taken(settings, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


async def test_a_restore_that_ended_in_the_middle_begins_again(
    settings: HistorySettings,
    elsewhere: HistorySettings,
    replica: Replica,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, open_run = Run(1), Run(2)
    async with replica(settings):
        await history.run_ids("job", await history.publish([*run.whole(), open_run.initializing()]))
        await taken(settings, tmp_path / "file")
    opened = ArchiveReader.lines

    def broken(self: ArchiveReader, name: str) -> object:
        if name.endswith("runs.jsonl"):
            raise ConnectionResetError
        return opened(self, name)

    with monkeypatch.context() as patched, pytest.raises(ConnectionResetError):
        patched.setattr(ArchiveReader, "lines", broken)
        await restore_backup(elsewhere, tmp_path / "file")

    await restore_backup(elsewhere, tmp_path / "file")

    async with replica(elsewhere), asking(elsewhere) as restored:
        end = await restored.bus.last_sequence(restored.bus.subjects.events_stream)
        runs = await restored.runs("job", end)
        assert [(each.run_id, each.status) for each in runs] == [
            (open_run.run_id, "Aborted"),
            (run.run_id, "Success"),
        ]
