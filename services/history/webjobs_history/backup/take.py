"""Takes a backup while everything runs."""

import asyncio
from collections import deque
from pathlib import Path

import msgspec
import structlog
from webjobs_events.errors import StorageFull
from webjobs_events.jetstream import (
    Bus,
    ObjectNotFound,
    StreamMessage,
    StreamState,
    connect_bus,
    stream_state,
)
from webjobs_events.subjects import Subjects
from webjobs_rules.status import TERMINAL_STATUSES
from webjobs_service.release import VERSION

from webjobs_history.backup import format as f
from webjobs_history.backup.archive import ArchiveWriter
from webjobs_history.backup.cut import Cut, take_cut
from webjobs_history.backup.errors import FileNotWritten
from webjobs_history.backup.rows import open_rows
from webjobs_history.backup.settings import BackupSettings

log = structlog.stdlib.get_logger(__name__)

_WINDOW_BYTES = 4 * 1024 * 1024  # of messages that are held
_RECENT_ENDS = 20_000  # runs whose log may still have been on its way at the cut
_CUTS = 5
_ENDS = frozenset(status.value for status in TERMINAL_STATUSES)


async def take_backup(settings: BackupSettings, path: Path, *, replace: bool = False) -> f.Manifest:
    """Write a backup into a file.

    Raises:
        FileExists, FileBusy, FileNotWritten: The file cannot be made.
        NoRows: History does not answer.
        AlwaysChanging: There was no moment without changes.
        BusUnavailable: NATS does not answer.
    """
    subjects = Subjects(settings.namespace)
    with ArchiveWriter(path, replace=replace) as archive:
        async with connect_bus(
            settings.nats_url, name="backup", subjects=subjects, replicas=settings.nats_replicas
        ) as bus:
            return await _Backup(bus, archive).take()


class _Backup:
    """One backup. Rows come first: the restored history goes on with the events between them and the cut."""

    def __init__(self, bus: Bus, archive: ArchiveWriter) -> None:
        self._bus = bus
        self._archive = archive
        self._prefix = len(bus.subjects.namespace) + 1
        self._recent: deque[str] = deque(maxlen=_RECENT_ENDS)

    async def take(self) -> f.Manifest:
        tables = await self._rows()
        cut, absent = await self._cut()
        state = await stream_state(self._bus, self._bus.subjects.events_stream)
        for name, records in (
            (f.DEFINITIONS, cut.definitions),
            (f.APP_SETTINGS, cut.app_settings),
            (f.HOOKS, cut.hooks),
            (f.REFUSALS, cut.refusals),
            (f.DEPLOYMENTS, cut.deployments),
            (f.COMMANDS, cut.commands),
        ):
            self._archive.begin(name)
            self._archive.write(records)
        events = await self._events(cut)
        await self._logs(cut)
        await self._copy(f.DELIVERIES, self._bus.subjects.deliveries_stream)
        manifest = f.Manifest(
            format=f.FORMAT,
            made_by=VERSION,
            made_at=cut.at,
            namespace=self._bus.subjects.namespace,
            sequence=cut.sequence,
            first_sequence=state.first,
            lost_events=_lost(state, cut.sequence, events),
            stream_created_at=state.created_at.isoformat(),
            tables=tables,
            absent_packages=absent,
            members={},
        )
        self._archive.end()
        manifest = msgspec.structs.replace(manifest, members=dict(self._archive.members))
        await asyncio.to_thread(self._archive.finish, manifest)
        return manifest

    async def _rows(self) -> str:
        """Add what history keeps; returns the version of its tables."""
        async with open_rows(self._bus) as rows:
            for table in rows.tables:
                self._archive.begin(f"{f.ROWS}{table}.jsonl")
                async for page in rows.of(table):
                    await asyncio.to_thread(self._archive.write, page)
            return rows.version

    async def _cut(self) -> tuple[Cut, list[str]]:
        """Take the cut and add its packages; returns it, and the packages that the store lacks.

        A package is removed a minute after the last definition stopped needing it. If that happened before it
        was copied, the definitions are not those of the cut any more, and another one is taken.
        """
        cut = await take_cut(self._bus)
        for _ in range(_CUTS):
            absent = [digest for digest in sorted(cut.packages) if not await self._package(digest)]
            if not absent:
                return cut, []
            again = await take_cut(self._bus)
            if again.definitions == cut.definitions:
                break
            cut = again
        log.warning("packages that definitions name are not stored", packages=absent)
        return cut, absent

    async def _package(self, digest: str) -> bool:
        name = f"{f.PACKAGES}{digest}"
        if name in self._archive.members:
            return True
        try:
            await self._bus.packages.fetch(digest, self._archive.scratch)
        except ObjectNotFound:
            return False
        except StorageFull as error:
            raise FileNotWritten(self._archive.path, "there is no space left") from error
        await asyncio.to_thread(self._archive.add_file, name, self._archive.scratch)
        return True

    async def _events(self, cut: Cut) -> int:
        """Add the events up to the cut; returns how many there are."""
        count = 0
        self._archive.begin(f.EVENTS)
        stream = self._bus.subjects.events_stream
        async for batch in self._bus.stored(stream, [], window_bytes=_WINDOW_BYTES):
            kept = [message for message in batch if message.sequence <= cut.sequence]
            for message in kept:
                if message.subject.rpartition(".")[2] in _ENDS:
                    self._recent.append(message.headers.get("ce-subject", ""))
            await self._write(kept)
            count += len(kept)
            if len(kept) < len(batch):
                break
        return count

    async def _logs(self, cut: Cut) -> None:
        """Add the logs up to the cut, and what came later of runs that had ended by then."""
        ended = {about.replace("/", ".") for about in self._recent}
        stream = self._bus.subjects.logs_stream
        until = await self._bus.last_sequence(stream)
        self._archive.begin(f.LOGS)
        skipped = self._prefix + len("logs.")
        async for batch in self._bus.stored(stream, [], window_bytes=_WINDOW_BYTES):
            await self._write(
                [
                    message
                    for message in batch
                    if message.sequence <= cut.last_log
                    or (message.sequence <= until and message.subject[skipped:] in ended)
                ]
            )
            if batch[-1].sequence >= until:
                break

    async def _copy(self, name: str, stream: str) -> None:
        self._archive.begin(name)
        async for batch in self._bus.stored(stream, [], window_bytes=_WINDOW_BYTES):
            await self._write(batch)

    async def _write(self, messages: list[StreamMessage]) -> None:
        records = [
            f.record_of(message.subject[self._prefix :], message.data, message.headers, message.sequence)
            for message in messages
        ]
        await asyncio.to_thread(self._archive.write, records)


def _lost(state: StreamState, sequence: int, events: int) -> int:
    """Events up to a sequence that the stream does not have any more: expired, or damaged."""
    return max(0, state.expired + (sequence - state.first + 1) - events)
