"""A copy in memory of a bucket's entries, kept current, also when the bucket is replaced by an empty one."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.jetstream.entry import Entry, is_removal
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.reader import StreamReader
from webjobs_events.log import logger

if TYPE_CHECKING:
    from webjobs_events.jetstream.bucket import Bucket

OnChange = Callable[[str, Entry | None], None]

_GRACE_SECONDS = 10.0  # that entries of a lost bucket are kept, for those who write them again
_CHECK_SECONDS = 1.0  # after which a revision that does not come is looked for in the bucket
_MOST_NAMES = 20  # keys named in a log line


class BucketMirror:
    """An async context manager: the bucket's entries in memory, complete when entered, current from then on.

    Changes are passed one by one, in order, to `on_change(key, entry)`, `None` for a removal. A listener
    that fails at one change gets the next all the same.

    A deleted bucket is no statement about its keys. When it is replaced by a new one, a mirror that
    restores writes its entries into it, except for keys that were written or removed there meanwhile.
    Other mirrors keep their entries for ten seconds; what was not written again by then is removed.

    Args:
        restore: Whether this service writes the entries again when the bucket was lost.
    """

    def __init__(
        self,
        connection: Connection,
        bucket: "Bucket",
        on_change: OnChange | None,
        keys: str,
        *,
        restore: bool = False,
    ) -> None:
        self._connection = connection
        self._bucket = bucket
        self._keys = keys
        self._restore = restore
        self._entries: dict[str, Entry] = {}
        self._stale: set[str] = set()  # keys known from a bucket that is lost, not seen in the new one
        self._listeners = [on_change] if on_change else []
        self._on_replaced: list[Callable[[], None]] = []
        self._position = 0
        self._advanced = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "BucketMirror":
        reader = StreamReader(
            self._connection,
            self._bucket.stream,
            [self._bucket.subject_of(self._keys)],
            latest_only=True,
        )
        reader.on_replaced = lambda: self._restart(reader)
        self._task = asyncio.create_task(self._follow(reader), name=f"mirror {self._bucket.name}")
        complete = asyncio.create_task(reader.caught_up.wait())
        try:
            await asyncio.wait({complete, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                self._task.result()  # it ends by an error only
        except BaseException:
            await self._stop()
            raise
        finally:
            complete.cancel()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        assert self._task is not None
        tasks = {self._task} if self._settling is None else {self._task, self._settling}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("mirror ended", bucket=self._bucket.name, error=describe(error))

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The entries of the bucket, as received so far."""
        return MappingProxyType(self._entries)

    def get(self, key: str) -> Entry | None:
        """The entry of a key as last received."""
        return self._entries.get(key)

    def on_change(self, listener: OnChange) -> None:
        """Call this listener too, from the next change on."""
        self._listeners.append(listener)

    def on_replaced(self, listener: Callable[[], None]) -> None:
        """Call this whenever the bucket was replaced by an empty one, before any of its new entries."""
        self._on_replaced.append(listener)

    async def reached(self, revision: int) -> None:
        """Wait until the mirror has seen this revision, or a later one.

        A revision that the bucket itself has not come to is one of a bucket that is lost: no caller waits for
        that.
        """
        while True:
            try:
                async with asyncio.timeout(_CHECK_SECONDS), self._advanced:
                    await self._advanced.wait_for(lambda: self._position >= revision)
                    return
            except TimeoutError:
                pass
            with contextlib.suppress(BusUnavailable):
                async with self._connection.asking(f"looking at {self._bucket.stream}"):
                    info = await self._connection.js.stream_info(self._bucket.stream)
                if info.state.last_seq < revision:
                    return

    async def _follow(self, reader: StreamReader) -> None:
        async with reader, contextlib.aclosing(reader.batches()) as batches:
            async for batch in batches:
                for message in batch:
                    self._apply(message)
                async with self._advanced:
                    self._position = batch[-1].sequence
                    self._advanced.notify_all()

    def _apply(self, message: StreamMessage) -> None:
        key = self._bucket.key_of(message.subject)
        entry = None if is_removal(message.headers) else Entry(message.data, message.sequence)
        was_stale = key in self._stale
        self._stale.discard(key)
        before = self._entries.get(key)
        if entry is None:
            self._entries.pop(key, None)
        else:
            self._entries[key] = entry
        if was_stale and entry is not None and before is not None and before.value == entry.value:
            return  # written again into a new bucket: nothing has changed
        self._notify(key, entry)

    def _notify(self, key: str, entry: Entry | None) -> None:
        for listener in self._listeners:
            try:
                listener(key, entry)
            except Exception:  # whatever it is, it must not hide this bucket's other changes
                logger.exception("a listener failed", bucket=self._bucket.name, key=key)

    # A bucket that was lost

    def _restart(self, reader: StreamReader) -> None:
        """The bucket is another one now, of which nothing was read yet."""
        self._position = 0
        self._stale = set(self._entries)
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.create_task(
            self._settle(reader), name=f"settling of mirror {self._bucket.name}"
        )
        for listener in self._on_replaced:
            try:
                listener()
            except Exception:
                logger.exception("a listener failed", bucket=self._bucket.name)

    async def _settle(self, reader: StreamReader) -> None:
        """Write lost entries again, or remove those that were not written again."""
        await reader.caught_up.wait()
        if self._restore:
            await self._write_again()
        await asyncio.sleep(_GRACE_SECONDS)
        lost = sorted(self._stale)
        self._stale.clear()
        if lost:
            logger.error(
                "entries lost with their bucket",
                bucket=self._bucket.name,
                count=len(lost),
                keys=lost[:_MOST_NAMES],
            )
        for key in lost:
            self._entries.pop(key, None)
            self._notify(key, None)

    async def _write_again(self) -> None:
        waiting = sorted(self._stale)
        restored = 0
        outage = self._connection.outage_of("writing again of lost entries")
        for key in waiting:
            restored += await outage.retry(partial(self._write_one_again, key))
        if waiting:
            logger.warning("entries of a lost bucket written again", bucket=self._bucket.name, count=restored)

    async def _write_one_again(self, key: str) -> bool:
        """Write an entry again; False when it was written or removed meanwhile."""
        if key not in self._stale:
            return False
        with contextlib.suppress(RevisionConflict):
            await self._bucket.create(key, self._entries[key].value, once_only=True)
            return True
        return False
