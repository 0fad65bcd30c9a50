"""Packages and uploads in the object store, moved from and to files."""

import asyncio
from pathlib import Path
from typing import BinaryIO

import nats.errors
from nats.js import errors as js_errors
from nats.js.object_store import ObjectStore

from webjobs_events.errors import BusUnavailable, WebJobsError
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.publish import describe


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
        self._store: ObjectStore | None = None

    async def _opened(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._connection.js.object_store(self._bucket)
        return self._store

    async def put(self, name: str, content: BinaryIO) -> None:
        """Store the rest of an open file under this name, in chunks; an object of that name is replaced.

        Raises:
            BusUnavailable: No answer; nothing is stored under the name.
        """
        try:
            await (await self._opened()).put(name, content)  # type: ignore[arg-type]
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(f"storing {name}", describe(error)) from error

    async def fetch(self, name: str, target: Path, *, timeout: float = 300.0) -> None:
        """Write an object into a new file.

        Raises:
            ObjectNotFound: There is none of this name.
            BusUnavailable: No answer, or what came is damaged.
        """
        try:
            with target.open("wb") as file:
                await asyncio.wait_for((await self._opened()).get(name, writeinto=file), timeout)
        except (
            js_errors.ObjectNotFoundError,
            js_errors.ObjectDeletedError,
            js_errors.NotFoundError,
        ) as error:
            raise ObjectNotFound(name) from error
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(f"fetching {name}", describe(error)) from error

    async def exists(self, name: str) -> bool:
        """Whether there is an object of this name.

        Raises:
            BusUnavailable: No answer.
        """
        try:
            await (await self._opened()).get_info(name)
        except (js_errors.ObjectNotFoundError, js_errors.ObjectDeletedError, js_errors.NotFoundError):
            return False
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(f"looking for {name}", describe(error)) from error
        return True

    async def delete(self, name: str) -> None:
        """Remove an object; removing one that is not there is no fault.

        Raises:
            BusUnavailable: No answer.
        """
        try:
            await (await self._opened()).delete(name)
        except (js_errors.ObjectNotFoundError, js_errors.ObjectDeletedError, js_errors.NotFoundError):
            return
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(f"removing {name}", describe(error)) from error
