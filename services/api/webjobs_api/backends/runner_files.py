"""Questions to runners about files of their site folders, and transfers of several messages."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiohttp import web
from webjobs_events import files
from webjobs_events.errors import BusUnavailable, NoResponders, UndecodableMessage
from webjobs_events.files import Fault, FileInfo
from webjobs_events.jetstream import Bus, QueryRefused
from webjobs_rules.errors import WebJobsError
from webjobs_service.lifetime import cancel_all

from webjobs_api.backends.downloads import READ_AHEAD, Downloads, each, in_flight
from webjobs_api.backends.runners import Runners
from webjobs_api.http.file_errors import FilesRefused, InstanceNotAlive
from webjobs_api.http.runner_errors import NoRunnerAlive

log = structlog.stdlib.get_logger(__name__)

_WINDOW = 4  # chunks of an upload on their way at the same time
_LONG_ANSWER = 60.0  # seconds that a runner which is there gets for what its disk may take long for
_PROBE_SECONDS = 1.0  # without an answer, after which we look whether the runner is still there
_KEEP_SECONDS = files.SESSION_SECONDS / 3

R = TypeVar("R", bound=files.Reply)
T = TypeVar("T")


class RunnerFiles:
    """An async context manager: the files of runners, for the time it is entered."""

    def __init__(self, bus: Bus, runners: Runners) -> None:
        self._bus = bus
        self._runners = runners
        self._going_on: set[asyncio.Task[None]] = set()
        self._downloads = Downloads()

    async def __aenter__(self) -> "RunnerFiles":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._going_on:
            await asyncio.wait(self._going_on)

    async def of(self, instance_id: str | None) -> "FilesOfRunner":
        """The files of a runner: the one named, or the first that listens.

        Raises:
            InstanceNotAlive: The one named is not there.
            NoRunnerAlive: There is none at all.
        """
        await self._runners.require_one()
        if instance_id is not None:
            if not self._runners.is_alive(instance_id):
                raise InstanceNotAlive(instance_id)
            return FilesOfRunner(self._bus, instance_id, self._going_on, self._downloads)
        for candidate in self._runners.alive:
            runner = FilesOfRunner(self._bus, candidate, self._going_on, self._downloads)
            if await runner.listens():
                return runner
        raise NoRunnerAlive


class FilesOfRunner:
    """The files of one runner.

    Every method raises `FilesRefused` for what the runner will not do, and `BusUnavailable` when it does
    not answer.
    """

    def __init__(
        self,
        bus: Bus,
        instance_id: str,
        going_on: set[asyncio.Task[None]],
        downloads: Downloads,
        keep_seconds: float = _KEEP_SECONDS,
    ) -> None:
        """Ends of transfers are added to `going_on`; a message every `keep_seconds` keeps one open."""
        self._bus = bus
        self._instance_id = instance_id
        self._going_on = going_on
        self._downloads = downloads
        self._keep_seconds = keep_seconds

    @property
    def instance_id(self) -> str:
        """Of the runner."""
        return self._instance_id

    async def listens(self) -> bool:
        """Whether the runner is there: one that died a moment ago still has its heartbeat."""
        try:
            await self._bus.ask_files(self._instance_id, "look", files.encode(files.Look(path="")))
        except NoResponders:
            return False
        return True

    async def look(self, path: str) -> FileInfo:
        """What is there."""
        return (await self._ask(files.Look(path=path), files.Seen)).info

    @asynccontextmanager
    async def opened(self, path: str) -> AsyncIterator["OpenedFile"]:
        """A file, or what is known of a folder."""
        opened = await self._ask(files.Open(path=path), files.Opened)
        async with self._kept(opened.session):
            yield OpenedFile(self, opened)

    async def read(self, session: str, offset: int, length: int) -> bytes:
        """A part of a file that was opened: shorter than asked for where it ends, or NATS wants it so."""
        question = files.Read(session=session, offset=offset, length=length)
        return (await self._ask(question, files.Piece, timeout=_LONG_ANSWER)).data

    async def entries(self, path: str) -> AsyncGenerator[list[FileInfo], None]:
        """What is in a folder, in name order, page by page; there is one page at least."""
        listed = await self._ask(files.List(path=path), files.Listed)
        async with self._kept(listed.session):
            yield listed.entries
            while listed.session is not None:
                listed = await self._ask(files.ListMore(session=listed.session), files.Listed)
                yield listed.entries

    async def zipped(self, path: str) -> AsyncGenerator[bytes, None]:
        """A folder as an archive, piece by piece; the first is empty, and says that it can be packed."""
        opened = await self._ask(files.Zip(path=path), files.Opened)
        session = opened.session or ""
        async with self._kept(session):
            yield b""

            def more() -> Iterator[Coroutine[Any, Any, files.Piece]]:
                while True:
                    yield self._ask(files.ZipMore(session=session), files.Piece, timeout=_LONG_ANSWER)

            async with aclosing(in_flight(each(more()), READ_AHEAD)) as pieces:
                async for piece in pieces:
                    if not piece.data:
                        return
                    yield piece.data

    async def make_folder(self, path: str) -> None:
        """Create a folder, and those above it."""
        await self._ask(files.MakeFolder(path=path), files.Done)

    async def delete(self, path: str, recursive: bool, condition: files.Condition) -> None:
        """Remove a file or a folder."""
        question = files.Delete(path=path, recursive=recursive, condition=condition)
        await self._ask(question, files.Done, timeout=_LONG_ANSWER)

    async def write(self, question: files.Write, chunks: AsyncIterable[bytes]) -> files.Written:
        """Upload a file or an archive. Nothing is changed unless all of it arrived.

        Args:
            question: What is to become of it.
            chunks: No larger than `chunk_bytes`.
        """
        session = (await self._ask(question, files.Begun)).session
        async with self._kept(session):
            size = 0

            async def sending() -> AsyncGenerator[Coroutine[Any, Any, files.Done], None]:
                nonlocal size
                async for data in chunks:
                    offset, size = size, size + len(data)
                    yield self._ask(
                        files.WriteChunk(session=session, offset=offset, data=data),
                        files.Done,
                        timeout=_LONG_ANSWER,
                    )

            async with aclosing(in_flight(sending(), _WINDOW)) as sent:
                async for _ in sent:
                    pass
            while True:
                reply = await self._reply(files.Commit(session=session, size=size), _LONG_ANSWER)
                if not isinstance(reply, files.Working):
                    return _expect(reply, files.Written)

    @property
    def chunk_bytes(self) -> int:
        """Most bytes of a file in one message."""
        return files.chunk_bytes(self._bus.max_payload)

    @asynccontextmanager
    async def _kept(self, session: str | None) -> AsyncIterator[None]:
        """Around a transfer: the runner knows that it is wanted, slow as the client may be, and when not."""
        if session is None:
            yield
            return
        keeping = asyncio.create_task(self._keep(session))
        try:
            yield
        finally:
            keeping.cancel()
            ending = asyncio.create_task(self._close(session))
            self._going_on.add(ending)
            ending.add_done_callback(self._going_on.discard)

    async def _keep(self, session: str) -> None:
        while True:
            await asyncio.sleep(self._keep_seconds)
            try:
                await self._ask(files.Keep(session=session), files.Done)
            except WebJobsError as error:
                log.debug("transfer not kept alive", error=str(error))

    async def _close(self, session: str) -> None:
        try:
            await self._ask(files.Close(session=session), files.Done)
        except WebJobsError as error:
            log.debug("transfer not closed; the runner will give it up", error=str(error))

    async def _ask(self, question: files.Question, expected: type[R], *, timeout: float = 5.0) -> R:
        return _expect(await self._reply(question, timeout), expected)

    async def _reply(self, question: files.Question, timeout: float) -> files.AnyReply:
        operation, data = files.operation_of(question), files.encode(question)
        requesting = asyncio.create_task(
            self._bus.ask_files(self._instance_id, operation, data, timeout=timeout)
        )
        try:
            while not (await asyncio.wait({requesting}, timeout=_PROBE_SECONDS))[0]:
                if not await self.listens():
                    raise NoResponders(operation)
            return files.decode_reply(requesting.result())
        except QueryRefused as error:
            message = f"The runner failed ({error.text}); its log says why."
            raise FilesRefused(Fault.FAILED, message) from error
        except UndecodableMessage as error:
            raise BusUnavailable("asking a runner for files", str(error)) from error
        finally:
            await cancel_all(requesting)


class OpenedFile:
    """A file while it is read, or what is known of a folder."""

    def __init__(self, runner: FilesOfRunner, opened: files.Opened) -> None:
        self._runner = runner
        self._opened = opened

    @property
    def info(self) -> FileInfo:
        """As it was when it was opened."""
        return self._opened.info

    async def part(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to before `stop`, piece by piece.

        Raises:
            FilesRefused: It was cut shorter meanwhile.
        """
        at = min(stop, len(self._opened.data))
        if start < at:
            yield self._opened.data[start:at]
        at = max(start, at)
        with self._runner._downloads.one():
            async with aclosing(in_flight(each(self._reads(at, stop)), READ_AHEAD)) as pieces:
                async for piece in pieces:
                    yield piece

    def _reads(self, offset: int, stop: int) -> Iterator[Coroutine[Any, Any, bytes]]:
        while offset < stop:
            length = min(self._runner._downloads.piece_bytes, self._runner.chunk_bytes, stop - offset)
            yield self._read(offset, length)
            offset += length

    async def _read(self, offset: int, length: int) -> bytes:
        gathered = b""
        while len(gathered) < length:
            question = files.Read(
                session=self._opened.session or "",
                offset=offset + len(gathered),
                length=length - len(gathered),
            )
            piece = await self._runner._ask(question, files.Piece, timeout=_LONG_ANSWER)
            if not piece.data:
                raise FilesRefused(
                    Fault.CONFLICT, "The file was cut shorter while it was read. Read it again."
                )
            gathered += piece.data
        return gathered


def _expect(reply: files.Reply, expected: type[R]) -> R:
    if isinstance(reply, expected):
        return reply
    if isinstance(reply, files.Refused):
        raise FilesRefused(reply.fault, reply.message, reply.etag)
    raise BusUnavailable("asking a runner for files", f"it answered {type(reply).__name__}")


FILES = web.AppKey("files", RunnerFiles)
