"""Adds runs that another system recorded to the history of a job: their logs first, then one event for each.

The stream of events says which runs are there already, so a repeated import changes nothing, and one that
was interrupted goes on.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webjobs_events.commands import ImportedRun, ImportOutcome, ImportRuns
from webjobs_events.envelope import cause_in
from webjobs_events.events import Deleted, Event, RunImported, RunInitializing
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.azure_run import (
    ERROR_LOG,
    LARGEST_STATUS,
    OUTPUT_LOG,
    STATUS_FILE,
    LogConverter,
    PastRun,
    past_run,
    read_status,
    run_files,
)
from webjobs_rules.errors import BadUpload, UnusableRecord
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import LineCount, chunk_headers, error_log, output_log
from webjobs_rules.run_id import RunId, instant_of

from webjobs_runner.files.archive_writer import unpack_upload
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox

MOST_RUNS = 1000  # of one upload
_SOURCE = "azure"
_CHUNK_BYTES = 64 * 1024
_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Log:
    """A log as it is published.

    Attributes:
        path: Of the file that holds it; none when it is empty.
        size: Bytes.
        count: Lines, and those with an error.
        first_error: Number of the first of those; None without one.
    """

    path: Path
    size: int
    count: LineCount
    first_error: int | None


class _LogFile:
    """A log that is written, and counted meanwhile."""

    def __init__(self, path: Path) -> None:
        self._file, self._path = path.open("wb"), path
        self._size, self._count = 0, LineCount()
        self._first_error: int | None = None

    def write(self, data: bytes) -> None:
        self._file.write(data)
        if self._first_error is None:
            self._first_error = self._count.first_error(data)
        self._size, self._count = self._size + len(data), self._count.after(data)

    def finish(self) -> _Log:
        self._file.close()
        return _Log(self._path, self._size, self._count, self._first_error)


class RunImports:
    """Imports the runs in an upload.

    Args:
        bus: Connection to NATS.
        instance: Of this runner, the author of the events.
        outbox: Publishes them.
        limits: How far an upload may go.
    """

    def __init__(self, bus: Bus, instance: Instance, outbox: Outbox, limits: UploadLimits) -> None:
        self._bus = bus
        self._instance = instance
        self._outbox = outbox
        self._limits = limits

    async def carry_out(self, command: ImportRuns, upload: Path, folder: Path) -> list[ImportedRun]:
        """Import what an upload holds; returns what became of each run, oldest first.

        Args:
            command: That asks for it.
            upload: An archive with the folder of each run.
            folder: Where it is unpacked; the caller removes it.

        Raises:
            BadUpload: With what to fix; nothing was imported.
            BusUnavailable: NATS does not answer; to be done again.
        """
        await asyncio.to_thread(unpack_upload, upload, folder, self._limits)
        found = await asyncio.to_thread(_runs_in, folder)
        known, after_deletion = await self._imported(command.job_name)
        newest = max(found.keys() | known)
        outcomes, stored = [], []
        for run_id, files in found.items():
            if run_id in known:
                outcomes.append(ImportedRun(run_id=run_id, outcome=ImportOutcome.UNCHANGED))
                continue
            try:
                run, output, errors = await asyncio.to_thread(
                    _read, run_id, folder, files, run_id == newest, datetime.now(UTC)
                )
                await self._ship(command.job_name, run_id, output, errors)
            except UnusableRecord as error:
                skipped = ImportedRun(run_id=run_id, outcome=ImportOutcome.SKIPPED, reason=error.reason)
                outcomes.append(skipped)
                continue
            event = self._event(command, run, output, errors, after_deletion)
            stored.append(self._outbox.add(event, cause_in(command.trace, command.command_id)))
            outcomes.append(ImportedRun(run_id=run_id, outcome=ImportOutcome.IMPORTED))
        if stored:
            await asyncio.shield(asyncio.gather(*stored))
        return outcomes

    async def _imported(self, job_name: JobName) -> tuple[set[RunId], int]:
        """The runs of a job imported since its last deletion, and the sequence of that; 0 without one."""
        deleted = await self._bus.last_message(
            self._bus.subjects.events_stream, self._subject(job_name, Deleted)
        )
        after = deleted.sequence if deleted is not None else 0
        async with aclosing(self._stored(job_name, RunImported, after)) as messages:
            return {_run_id_of(message) async for message in messages}, after

    async def _ship(self, job_name: JobName, run_id: RunId, output: _Log, errors: _Log) -> None:
        """Publish the logs of a run, instead of what an interrupted import has left of them.

        Raises:
            UnusableRecord: A run of this id ran here.
        """
        stream = self._bus.subjects.logs_stream
        subject = self._bus.subjects.log(JobType.TRIGGERED, job_name, run_id)
        if await self._bus.last_message(stream, subject) is not None:
            async with aclosing(self._stored(job_name, RunInitializing, 0)) as messages:
                async for message in messages:
                    if _run_id_of(message) == run_id:
                        raise UnusableRecord("a run with this id ran here")
            await self._bus.purge_subject(stream, subject)
        async with self._bus.pipeline() as pipeline:
            for name, log in ((output_log(run_id), output), (error_log(run_id), errors)):
                offset, before = 0, LineCount()
                with log.path.open("rb") as file:
                    while data := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                        await pipeline.publish(subject, data, chunk_headers(name, offset, before))
                        offset, before = offset + len(data), before.after(data)

    async def _stored(
        self, job_name: JobName, event: type[Event], after: int
    ) -> AsyncGenerator[StreamMessage, None]:
        stream, subject = self._bus.subjects.events_stream, self._subject(job_name, event)
        async with aclosing(
            self._bus.pages_from(stream, subject, start_sequence=after + 1, is_append_only=True)
        ) as pages:
            async for page in pages:
                for message in page:
                    yield message

    def _subject(self, job_name: JobName, event: type[Event]) -> str:
        return self._bus.subjects.job_event(JobType.TRIGGERED, job_name, str(event.__struct_config__.tag))

    def _event(
        self, command: ImportRuns, run: PastRun, output: _Log, errors: _Log, after_deletion: int
    ) -> RunImported:
        return RunImported(
            at=datetime.now(UTC),
            instance=self._instance.id,
            job_name=command.job_name,
            run_id=run.run_id,
            source=_SOURCE,
            imported_by=command.requested_by,
            host=run.host,
            status=run.status,
            trigger=run.trigger,
            requested_at=instant_of(run.run_id),
            started_at=run.started_at,
            ended_at=run.ended_at,
            reason=run.reason,
            exit_code=run.exit_code,
            evidence=run.evidence,
            has_error_log=errors.size > 0,
            output_log_bytes=output.size,
            error_log_bytes=errors.size,
            log_lines=output.count.lines,
            first_error_line=output.first_error,
            after_deletion=after_deletion,
        )


def _run_id_of(message: StreamMessage) -> RunId:
    return RunId(message.headers.get("ce-subject", "").rpartition("/")[2])


def _runs_in(folder: Path) -> dict[RunId, dict[str, str]]:
    """The files of each run below a folder.

    Raises:
        BadUpload: There is none, or there are too many.
    """
    try:
        found = run_files(_paths(folder))
    except UnusableRecord as error:
        raise BadUpload(error.reason) from error
    if not found:
        raise BadUpload(
            "it holds no run; pack the folders of the runs, such as 201311080256000000/status, of one job"
        )
    if len(found) > MOST_RUNS:
        raise BadUpload(f"it holds {len(found):,} runs, and {MOST_RUNS:,} are allowed; send them in parts")
    return found


def _paths(folder: Path) -> Iterable[str]:
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            if not path.is_symlink():
                yield path.relative_to(folder).as_posix()


def _read(
    run_id: RunId, folder: Path, files: dict[str, str], is_newest: bool, now: datetime
) -> tuple[PastRun, _Log, _Log]:
    """A run, and its logs as they are published.

    Raises:
        UnusableRecord: Its files cannot be used.
    """
    if STATUS_FILE not in files:
        raise UnusableRecord("it has no status file")
    with (folder / files[STATUS_FILE]).open("rb") as file:
        recorded = read_status(file.read(LARGEST_STATUS + 1))
    log = LogConverter()
    output, errors = (_LogFile(folder / f".{run_id}.{name}") for name in ("output", "error"))
    try:
        _convert(folder, files.get(OUTPUT_LOG), log, output, None if ERROR_LOG in files else errors)
        _convert(folder, files.get(ERROR_LOG), LogConverter(), errors, None)
    finally:
        logs = output.finish(), errors.finish()
    return past_run(run_id, recorded, log, is_newest=is_newest, now=now), *logs


def _convert(
    folder: Path, path: str | None, log: LogConverter, output: _LogFile, errors: _LogFile | None
) -> None:
    if path is None:
        return
    with (folder / path).open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            _write(log.convert(block), output, errors)
    _write(log.finish(), output, errors)


def _write(converted: tuple[bytes, bytes], output: _LogFile, errors: _LogFile | None) -> None:
    output.write(converted[0])
    if errors is not None:
        errors.write(converted[1])
