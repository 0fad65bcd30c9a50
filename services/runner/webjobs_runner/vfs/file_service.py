"""Answers what the api asks about the files of this runner's site folder."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from webjobs_events import files
from webjobs_events.files import Fault
from webjobs_events.jetstream import Bus
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.errors import BadUpload, WebJobsError
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_rules.trace import Trace
from webjobs_service.lifetime import LongLived, side_tasks

from webjobs_runner.domain.precondition import PreconditionFailed
from webjobs_runner.domain.site_path import BadPath, SitePath, parse_path
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.vfs import errors
from webjobs_runner.vfs.sessions import Listing, Packing, Placed, Reading, Session, Sessions, Writing
from webjobs_runner.vfs.site_files import SiteFiles
from webjobs_runner.vfs.written_settings import settings_file_warnings
from webjobs_runner.vfs.zip_merge import merge_archive
from webjobs_runner.vfs.zip_stream import zip_pieces

T = TypeVar("T")

_READERS, _CHANGERS = 8, 4  # threads; changes may wait for locks, and readers never wait for them
_SHORT_WAIT = 2.0  # seconds that an upload gets to be put in place before the client has to ask again
_MOST_JOBS = 100  # that an answer names, each with its warnings
_ENTRY_BYTES = 200  # what an entry of a folder takes in a message, beside its names

FAULTS: Mapping[type[WebJobsError], Fault] = {
    BadPath: Fault.BAD_PATH,
    PreconditionFailed: Fault.PRECONDITION,
    BadUpload: Fault.BAD_ARCHIVE,
    errors.FileMissing: Fault.NOT_FOUND,
    errors.LeadsOutside: Fault.OUTSIDE,
    errors.Reserved: Fault.RESERVED,
    errors.KeptFolder: Fault.RESERVED,
    errors.FolderInTheWay: Fault.CONFLICT,
    errors.FileInTheWay: Fault.CONFLICT,
    errors.NotAFile: Fault.CONFLICT,
    errors.FolderNotEmpty: Fault.NOT_EMPTY,
    errors.UploadIncomplete: Fault.FAILED,
    errors.SessionGone: Fault.SESSION_GONE,
    errors.TooManySessions: Fault.BUSY,
}
_OS_FAULTS: Mapping[int, tuple[Fault, str]] = {
    errno.ENOSPC: (Fault.NO_SPACE, "The runner's disk is full. Free some space, then try again."),
    errno.EDQUOT: (Fault.NO_SPACE, "The runner's quota of disk space is used up. Free some, then try again."),
    errno.EACCES: (Fault.FORBIDDEN, "The runner is not permitted to do this; change the file's permissions."),
    errno.EPERM: (Fault.FORBIDDEN, "The runner is not permitted to do this; change the file's permissions."),
    errno.EROFS: (Fault.FORBIDDEN, "The runner's disk is read-only."),
    errno.ENAMETOOLONG: (Fault.BAD_PATH, "A name or the path is too long for the runner's disk."),
    errno.ENOENT: (Fault.NOT_FOUND, "The file vanished meanwhile."),
    errno.EMFILE: (Fault.BUSY, "The runner has too many files open. Try again in a moment."),
}


DeployChanged = Callable[[Iterable[SitePath], Trace | None], Coroutine[Any, Any, list[files.ChangedJob]]]
"""Deploys the jobs whose files have changed; the events belong to the trace."""


class FileService(LongLived):
    """Serves one runner's files, and its sessions, while `served` is entered."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        site_files: SiteFiles,
        limits: UploadLimits,
        session_seconds: float = files.SESSION_SECONDS,
        without_room: Callable[[], str] = lambda: "",
        deploy: DeployChanged | None = None,
    ) -> None:
        """While `without_room` returns a reason, nothing new is written; `deploy` deploys changed jobs."""
        self._bus = bus
        self._deploy = deploy
        self._instance = instance
        self._files = site_files
        self._limits = limits
        self._without_room = without_room
        self._sessions = Sessions(session_seconds)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="files-read")
        self._changers = ThreadPoolExecutor(_CHANGERS, thread_name_prefix="files-change")
        self._clearing: set[asyncio.Future[None]] = set()
        self._answers: Mapping[type[files.Question], Callable[[Any], Awaitable[files.Reply]]] = {
            files.Look: self._stat,
            files.Open: self._open,
            files.Read: self._read,
            files.List: self._list,
            files.ListMore: self._list_more,
            files.Zip: self._zip,
            files.ZipMore: self._zip_more,
            files.MakeFolder: self._make_folder,
            files.Write: self._write,
            files.WriteChunk: self._write_chunk,
            files.Commit: self._commit,
            files.Delete: self._delete,
            files.Keep: self._keep,
            files.Close: self._close,
        }

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Answer while the body runs, and leave nothing behind."""
        await self._blocking(self._files.clear_scratch)
        handlers = {files.operation_of(question): self._handle for question in files.QUESTIONS}
        try:
            async with (
                self._bus.serve_files(self._instance.id, handlers),
                side_tasks(sessions=self._sessions.sweep()),
            ):
                yield
        finally:
            self._readers.shutdown(wait=False)
            self._changers.shutdown(wait=False)

    async def _handle(self, data: bytes) -> bytes:
        try:
            question = files.decode_question(data)
            reply = await self._answers[type(question)](question)
        except WebJobsError as error:
            etag = error.etag if isinstance(error, PreconditionFailed) else ""
            fault = FAULTS.get(type(error), Fault.FAILED)
            reply = files.Refused(fault=fault, message=str(error), etag=etag)
        except OSError as error:
            reply = _refused_by_the_system(error)
        return files.encode(reply)

    # Looking

    async def _stat(self, question: files.Look) -> files.Reply:
        return files.Seen(info=await self._blocking(self._files.stat, parse_path(question.path)))

    async def _list(self, question: files.List) -> files.Reply:
        entries = await self._blocking(self._files.entries, parse_path(question.path))
        page, rest = self._page(entries)
        return files.Listed(entries=page, session=self._sessions.add(Listing(entries=rest)) if rest else None)

    async def _list_more(self, question: files.ListMore) -> files.Reply:
        listing = self._sessions.get(question.session, Listing)
        page, listing.entries = self._page(listing.entries)
        if not listing.entries:
            await self._sessions.close(listing.id)
            return files.Listed(entries=page)
        return files.Listed(entries=page, session=listing.id)

    def _page(self, entries: list[files.FileInfo]) -> tuple[list[files.FileInfo], list[files.FileInfo]]:
        room = self._chunk_bytes
        for number, entry in enumerate(entries):
            room -= _ENTRY_BYTES + len(entry.name.encode()) + len(entry.path.encode())
            if room < 0:
                return entries[: number or 1], entries[number or 1 :]
        return entries, []

    # Reading

    async def _open(self, question: files.Open) -> files.Reply:
        descriptor, info = await self._blocking(self._files.open, parse_path(question.path))
        if descriptor is None:
            return files.Opened(info=info)
        reading = Reading(descriptor=descriptor)
        try:
            data = await self._blocking(os.pread, descriptor, min(self._read_bytes, info.size), 0)
        except BaseException:
            reading.close()
            raise
        if len(data) >= info.size:
            reading.close()
            return files.Opened(info=info, data=data)
        return files.Opened(info=info, data=data, session=self._sessions.add(reading))

    async def _read(self, question: files.Read) -> files.Reply:
        async with self._locked(question.session, Reading) as reading:
            length = max(0, min(question.length, self._chunk_bytes))
            piece = await self._blocking(os.pread, reading.descriptor, length, max(0, question.offset))
            return files.Piece(data=piece)

    async def _zip(self, question: files.Zip) -> files.Reply:
        path = parse_path(question.path)
        info = await self._blocking(self._files.stat, path)
        if info.kind is not files.Kind.FOLDER:
            raise errors.FileInTheWay(path)
        pieces = zip_pieces(self._files.root, path, self._read_bytes)
        session = Packing(pieces=pieces, end=pieces.close)
        return files.Opened(info=info, session=self._sessions.add(session))

    async def _zip_more(self, question: files.ZipMore) -> files.Reply:
        async with self._locked(question.session, Packing) as packing:
            return files.Piece(data=await self._blocking(next, packing.pieces, b""))

    # Changing

    async def _make_folder(self, question: files.MakeFolder) -> files.Reply:
        if reason := self._without_room():
            return files.Refused(fault=Fault.NO_SPACE, message=reason)
        await self._begin_change(self._files.make_folder, parse_path(question.path))
        return files.Done()

    async def _write(self, question: files.Write) -> files.Reply:
        if reason := self._without_room():
            return files.Refused(fault=Fault.NO_SPACE, message=reason)
        path = parse_path(question.path)
        if question.unpack:
            await self._blocking(self._files.may_make_folder, path)
        else:
            await self._blocking(self._files.may_write, path, question.condition)
        session = await self._blocking(self._begun, path, question)
        return files.Begun(session=self._sessions.add(session))

    def _begun(self, path: tuple[str, ...], question: files.Write) -> Writing:
        session = Session().id
        file = self._files.scratch / f"{session}.upload"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return Writing(
            id=session,
            path=path,
            condition=question.condition,
            unpack=question.unpack,
            clean=question.clean,
            deploy=question.deploy,
            trace=question.trace,
            file=file,
            descriptor=descriptor,
        )

    async def _write_chunk(self, question: files.WriteChunk) -> files.Reply:
        async with self._locked(question.session, Writing) as writing:
            await self._blocking(_write_all, writing.descriptor, question.data, max(0, question.offset))
            return files.Done()

    async def _commit(self, question: files.Commit) -> files.Reply:
        async with self._locked(question.session, Writing) as writing:
            if writing.end is None:
                writing.end = self._begin_change(self._put_in_place, writing, question.size)
            await asyncio.wait({writing.end}, timeout=_SHORT_WAIT)
            if not writing.end.done():
                return files.Working()
            placed = writing.end.result()
            if writing.deploy and self._deploy is not None:
                if writing.deploying is None:
                    changed = (*placed.paths, *placed.removed)
                    writing.deploying = asyncio.create_task(self._deploy(changed, writing.trace))
                await asyncio.wait({writing.deploying}, timeout=_SHORT_WAIT)
                if not writing.deploying.done():
                    return files.Working()
            jobs = writing.deploying.result() if writing.deploying is not None else []
        await self._sessions.close(writing.id)
        return files.Written(
            created=placed.created,
            info=placed.info,
            files=len(placed.paths),
            removed=len(placed.removed),
            jobs=jobs[:_MOST_JOBS],
            more_jobs=max(0, len(jobs) - _MOST_JOBS),
            warnings=bounded_warnings(placed.warnings),
        )

    def _put_in_place(self, writing: Writing, size: int) -> Placed:
        received = os.fstat(writing.descriptor).st_size
        if received != size:
            raise errors.UploadIncomplete(size, received)
        if writing.unpack:
            return merge_archive(self._files, writing.file, writing.path, self._limits, clean=writing.clean)
        os.fsync(writing.descriptor)
        created, info = self._files.place(writing.file, writing.path, writing.condition)
        warnings = settings_file_warnings(self._files.site, writing.path)
        return Placed(created=created, info=info, paths=(writing.path,), warnings=tuple(warnings))

    async def _delete(self, question: files.Delete) -> files.Reply:
        path = parse_path(question.path)
        remains = await self._begin_change(self._files.remove, path, question.recursive, question.condition)
        if remains is not None:
            clearing = self._begin_change(_clear, remains)
            self._clearing.add(clearing)
            clearing.add_done_callback(self._clearing.discard)
        return files.Done()

    # Sessions

    async def _keep(self, question: files.Keep) -> files.Reply:
        self._sessions.get(question.session, Session)
        return files.Done()

    async def _close(self, question: files.Close) -> files.Reply:
        await self._sessions.close(question.session)
        return files.Done()

    @asynccontextmanager
    async def _locked(self, session_id: str, kind: type[Any]) -> AsyncIterator[Any]:
        session = self._sessions.get(session_id, kind)
        async with session.lock:
            yield self._sessions.get(session_id, kind)  # it may have been closed meanwhile

    @property
    def _read_bytes(self) -> int:
        return min(files.READ_BYTES, self._chunk_bytes)

    @property
    def _chunk_bytes(self) -> int:
        return files.chunk_bytes(self._bus.max_payload)

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(work, *arguments))

    def _begin_change(self, work: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._changers, partial(work, *arguments))


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _refused_by_the_system(error: OSError) -> files.Refused:
    known = _OS_FAULTS.get(error.errno or 0)
    if known is not None:
        return files.Refused(fault=known[0], message=known[1])
    logger.error("the system refused to work on a file", error=str(error))
    reason = error.strerror or type(error).__name__
    return files.Refused(fault=Fault.FAILED, message=f"The runner's system refused: {reason}.")
