"""Restores a backup into an empty stack, while none of its services runs."""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection
from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.definition import decode_definition, defined_job
from webjobs_events.envelope import decode_event, encode_event
from webjobs_events.errors import InvalidToken, UndecodableMessage, UnreadableDefinition
from webjobs_events.jetstream import Bus, StreamCopies, connect_alone, is_removal, stream_state
from webjobs_events.jetstream.copies import Filling
from webjobs_events.subjects import Subjects, token_of
from webjobs_service.release import VERSION

from webjobs_history import store
from webjobs_history.backup import format as f
from webjobs_history.backup.archive import ArchiveReader
from webjobs_history.backup.errors import BackupTooNew, NotEmpty, StillRunning
from webjobs_history.backup.places import Places
from webjobs_history.backup.rows import put_rows
from webjobs_history.backup.unfinished import RELEVANT, Unfinished
from webjobs_history.database import Session, open_session
from webjobs_history.migrations.migrate import KNOWN, create_tables, drop_tables, migrate
from webjobs_history.settings import HistorySettings

log = structlog.stdlib.get_logger(__name__)

_MARK = "restore"
"""Key in the bucket of requests while a restore is not done."""

_LEASES_SECONDS = 30.0  # longer than the lease of a runner that was killed
_POLL = 0.5  # seconds


async def restore_backup(settings: HistorySettings, path: Path) -> f.Manifest:
    """Restore a backup. One that was interrupted is begun again by the next call.

    Raises:
        NotABackup, DamagedBackup, BackupTooNew: The file cannot be used; nothing was changed.
        NotEmpty: There are jobs, runs, settings or hooks already; nothing was changed.
        StillRunning: A service runs; nothing was changed.
        StorageFull: JetStream has no space.
        BusUnavailable: NATS does not answer.
    """
    subjects = Subjects(settings.namespace)
    with ArchiveReader(path) as archive:
        if archive.manifest.tables not in KNOWN:
            raise BackupTooNew(path, archive.manifest.made_by, VERSION)
        await asyncio.to_thread(archive.check)
        async with (
            connect_alone(
                settings.nats_url, name="restore", subjects=subjects, replicas=settings.nats_replicas
            ) as bus,
            open_session(settings.database_url, "restore") as session,
        ):
            await _Restore(bus, session, archive, settings.nats_replicas).run()
        return archive.manifest


class _Restore:
    """One restore. Definitions come last: until they are there, no runner would start anything."""

    def __init__(self, bus: Bus, session: Session, archive: ArchiveReader, replicas: int) -> None:
        self._bus = bus
        self._session = session
        self._archive = archive
        self._manifest = archive.manifest
        self._copies = StreamCopies(bus, replicas)
        self._namespace = f"{bus.subjects.namespace}."
        self._waiting = _waiting(self._all(f.COMMANDS))

    async def run(self) -> None:
        await self._require_silence()
        await self._require_empty()
        await self._copies.replace_all(self._manifest.first_sequence)
        await self._bus.requests.put(_MARK, b"")
        if await self._session.run(store.has_tables):
            await drop_tables(self._session)
        await create_tables(self._session, self._manifest.tables)
        for name in self._archive.names(f.PACKAGES):
            with self._archive.open(name) as package:
                await self._bus.packages.put(name.removeprefix(f.PACKAGES), package)
        places = await self._events()
        await self._fill(f.LOGS)
        await self._fill(f.DELIVERIES)
        await self._rows(places)
        for record in self._all(f.DEPLOYMENTS):
            await self._bus.requests.put(record.key, record.content)
        for record in self._all(f.REFUSALS):
            await self._bus.leases.put(record.key, record.content)
        for record in self._all(f.APP_SETTINGS):
            await self._bus.settings.put(record.key, record.content)
        last = await self._bus.last_sequence(self._bus.subjects.events_stream)
        for record in self._all(f.HOOKS):
            is_hook = record.key.startswith("hook.")
            content = _begun_after(record.content, last) if is_hook else record.content
            await self._bus.hooks.put(record.key, content)
        for record in self._all(f.DEFINITIONS):
            await self._bus.jobs.put(record.key, record.content)
        await self._bus.requests.delete(_MARK)

    async def _require_silence(self) -> None:
        """Wait until leases of killed services have ended."""
        give_up_at = time.monotonic() + _LEASES_SECONDS
        while running := await self._running():
            if time.monotonic() > give_up_at:
                raise StillRunning(running)
            await asyncio.sleep(_POLL)

    async def _running(self) -> str:
        leases = self._bus.leases
        for keys, what in (("instance.>", "A runner"), ("api.>", "An api")):
            async for batch in self._bus.stored(leases.stream, [leases.subject_of(keys)], latest_only=True):
                if any(not is_removal(message.headers) for message in batch):
                    return what
        return "" if await self._session.run(store.take_lock) else "History"

    async def _require_empty(self) -> None:
        if await self._bus.requests.get(_MARK) is not None:
            log.info("a restore that was interrupted is begun again")
            return
        for bucket, keys, what in (
            (self._bus.jobs, ">", "a job"),
            (self._bus.settings, ">", "an app setting"),
            (self._bus.hooks, "hook.>", "a hook"),
        ):
            async for batch in self._bus.stored(bucket.stream, [bucket.subject_of(keys)], latest_only=True):
                if any(not is_removal(message.headers) for message in batch):
                    raise NotEmpty(what)
        for kind in ("triggered", "continuous"):
            pattern = f"{self._namespace}events.{kind}.>"
            found, _ = await self._bus.messages_from(self._bus.subjects.events_stream, pattern, count=1)
            if found:
                raise NotEmpty("an event of a job")
        if await self._session.run(store.has_tables) and await self._session.run(store.has_rows):
            raise NotEmpty("a run in the database of history")

    async def _events(self) -> Places:
        """Publish the events, and those that end what had not ended."""
        places, unfinished, begun = Places(self._manifest.first_sequence), Unfinished(), set[str]()
        async with self._copies.filling() as filling:
            for batch in self._archive.records(f.EVENTS):
                for record in batch:
                    places.add(record.sequence)
                    await filling.publish(self._namespace + record.key, record.content, record.headers)
                    if record.key.rpartition(".")[2] in RELEVANT:
                        self._note(unfinished, record, begun)
            await self._publish_ends(filling, unfinished, begun)
        return places

    def _note(self, unfinished: Unfinished, record: f.Record, begun: set[str]) -> None:
        try:
            event = decode_event(record.key, record.headers, record.content)
        except UndecodableMessage:
            return  # history parks it
        unfinished.note(event)
        if record.headers.get("ce-subject", "") in self._waiting:
            begun.add(record.headers["ce-subject"])

    async def _publish_ends(self, filling: Filling, unfinished: Unfinished, begun: set[str]) -> None:
        digests = self._digests()
        waiting = [
            (command, digests[command.job_name])
            for about, command in self._waiting.items()
            if about not in begun and command.job_name in digests
        ]
        for event in unfinished.ends(waiting, self._manifest.made_at):
            headers, data = encode_event(event)
            await filling.publish(event.subject(self._bus.subjects), data, headers)

    def _digests(self) -> dict[str, str]:
        """The version of each triggered job."""
        found = {}
        for record in self._all(f.DEFINITIONS):
            try:
                job_type, job_name = defined_job(record.key)
                definition = decode_definition(job_type, job_name, record.content)
            except (InvalidToken, UnreadableDefinition):
                continue
            if job_type == "triggered":
                found[str(job_name)] = definition.digest
        return found

    async def _fill(self, name: str) -> None:
        async with self._copies.filling() as filling:
            for batch in self._archive.records(name):
                for record in batch:
                    await filling.publish(self._namespace + record.key, record.content, record.headers)

    async def _rows(self, places: Places) -> None:
        """Put the rows of history, then its place in the new stream."""
        stream = self._bus.subjects.events_stream
        state = await stream_state(self._bus, stream)
        known = self._position()
        is_same = known is not None and known["stream_created_at"] == self._manifest.stream_created_at
        sequence = places.of(known["sequence"]) if known is not None and is_same else state.first - 1

        def put(connection: Connection) -> None:
            for name in self._archive.names(f.ROWS):
                table = name.removeprefix(f.ROWS).removesuffix(".jsonl")
                if table == "positions":
                    continue
                for lines in self._archive.lines(name):
                    put_rows(connection, table, lines)

        await self._session.run(put)
        await migrate(self._session)
        await self._session.run(
            store.place, stream, state.created_at, sequence, state.last, loss=self._loss()
        )

    def _position(self) -> dict[str, Any] | None:
        for lines in self._archive.lines(f"{f.ROWS}positions.jsonl"):
            for line in lines:
                row: dict[str, Any] = msgspec.json.decode(line)
                if row["reader"] == store.PROJECTION:
                    return row
        return None

    def _loss(self) -> str:
        if not self._manifest.lost_events:
            return ""
        return (
            f"The backup of {self._manifest.made_at:%Y-%m-%d %H:%M:%S} UTC lacks "
            f"{self._manifest.lost_events} events, which the stream did not have any more. Their rows are "
            "kept; "
            "they cannot be rebuilt."
        )

    def _all(self, name: str) -> "list[f.Record]":
        return [record for batch in self._archive.records(name) for record in batch]


def _waiting(commands: list[f.Record]) -> dict[str, RunTriggeredJob]:
    """Run commands that were in the queue, by what their events are about."""
    found = {}
    for record in commands:
        try:
            command = decode_command(record.key, record.content, record.headers)
        except UndecodableMessage:
            continue
        if isinstance(command, RunTriggeredJob):
            found[f"triggered/{token_of(command.job_name)}/{command.run_id}"] = command
    return found


def _begun_after(content: bytes, sequence: int) -> bytes:
    """A hook that begins behind what is restored: its receiver was called for that already, or never."""
    hook: dict[str, Any] = msgspec.json.decode(content)
    hook["after"] = {source: sequence if source == "events" else 0 for source in hook.get("after", {})}
    return msgspec.json.encode(hook)
