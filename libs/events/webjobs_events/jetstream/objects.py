"""Packages and uploads in the object store, moved from and to files."""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path
from typing import IO

import nats.errors
from nats.js import errors as js_errors
from nats.js.object_store import ObjectStore
from webjobs_rules.errors import WebJobsError

from webjobs_events.jetstream.batch import messages_from
from webjobs_events.jetstream.connection import Connection, is_stream_missing

_CHUNKS_AT_ONCE = 32  # of 128 KiB
_CHECK_SECONDS = 1.0  # between looks whether an object that is fetched is still the same
_MAX_CHECKS = 3  # at which nothing more has come, until the server of a cluster counts as gone
_ABSENT = (js_errors.ObjectNotFoundError, js_errors.ObjectDeletedError, js_errors.NotFoundError)


class ObjectNotFound(WebJobsError):
    """The store has no object of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no stored object named {name}.")


class ObjectBucket:
    """Objects by name."""

    def __init__(self, connection: Connection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket
        self.stream = f"OBJ_{bucket}"
        self._store: ObjectStore | None = None

    async def _opened(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._connection.js.object_store(self._bucket)
        return self._store

    async def put(self, name: str, content: IO[bytes]) -> None:
        """Store the rest of an open file under this name, in chunks; an object of that name is replaced.

        Raises:
            StorageFull: There is no space; nothing is stored under the name.
            BusUnavailable: No answer; nothing is stored under the name.
        """
        async with self._connection.asking(f"storing {name}", stores=True):
            await (await self._opened()).put(name, content)  # type: ignore[arg-type]

    async def listed(self) -> dict[str, datetime]:
        """The names of all objects, and when each was stored.

        Raises:
            BusUnavailable: No answer.
        """
        async with self._connection.asking("listing objects"):
            try:
                found = await (await self._opened()).list(ignore_deletes=True)
            except js_errors.NotFoundError:
                await self._connection.js.stream_info(f"OBJ_{self._bucket}")  # raises if there is no store
                return {}
        return {
            each.name: datetime.fromisoformat(each.mtime) for each in found if each.mtime and not each.deleted
        }

    async def fetch(self, name: str, target: Path, *, timeout: float = 300.0) -> None:
        """Write an object into a new file.

        Raises:
            ObjectNotFound: There is none of this name.
            StorageFull: The disk is full.
            BusUnavailable: No answer, or what came is damaged.
        """
        async with self._connection.asking(f"fetching {name}"), asyncio.timeout(timeout):
            try:
                while not await self._fetched(name, target):
                    pass  # it was replaced meanwhile
            except _ABSENT as error:
                _unless_store_is_missing(error)
                raise ObjectNotFound(name) from error

    async def _fetched(self, name: str, target: Path) -> bool:
        """Write an object into a file; False when it was replaced meanwhile, or stands still.

        The client waits for ever for chunks that were removed, and long for those of a server of a cluster
        that ended: both is looked at.
        """
        store = await self._opened()
        begun = (await store.get_info(name)).nuid
        with target.open("wb") as file:
            getting = asyncio.ensure_future(store.get(name, writeinto=file))
            size, checks = 0, 0
            try:
                while not (await asyncio.wait({getting}, timeout=_CHECK_SECONDS))[0]:
                    if (await store.get_info(name)).nuid != begun:
                        return False
                    size, checks = file.tell(), checks + 1 if file.tell() == size else 0
                    if checks >= _MAX_CHECKS and self._connection.is_clustered:
                        return False
                await getting
            finally:
                getting.cancel()
                await asyncio.gather(getting, return_exceptions=True)
        return True

    async def exists(self, name: str) -> bool:
        """Whether there is an object of this name.

        Raises:
            BusUnavailable: No answer.
        """
        async with self._connection.asking(f"looking for {name}"):
            try:
                await (await self._opened()).get_info(name)
            except _ABSENT as error:
                _unless_store_is_missing(error)
                return False
        return True

    async def delete(self, name: str) -> None:
        """Remove an object; removing one that is not there is no fault.

        Raises:
            BusUnavailable: No answer.
        """
        async with self._connection.asking(f"removing {name}"):
            with contextlib.suppress(*_ABSENT):
                await (await self._opened()).delete(name)

    async def erase(self, name: str) -> None:
        """Remove an object, and overwrite what it held on the server's disk.

        Raises:
            BusUnavailable: No answer.
        """
        stream = f"OBJ_{self._bucket}"
        async with self._connection.asking(f"erasing {name}"):
            try:
                info = await (await self._opened()).get_info(name)
            except _ABSENT:
                return
        chunks, more = f"$O.{self._bucket}.C.{info.nuid}", 1
        while more:
            found, more = await messages_from(self._connection, stream, chunks, 1, _CHUNKS_AT_ONCE)
            async with self._connection.asking(f"erasing {name}"):
                for chunk in found:
                    await self._connection.js.delete_msg(stream, chunk.sequence)
        await self.delete(name)


def _unless_store_is_missing(error: BaseException) -> None:
    """Return if only an object is absent.

    Raises:
        NoRespondersError: The whole store does not exist; the state of the object is unknown.
    """
    if is_stream_missing(error):
        raise nats.errors.NoRespondersError from error
