"""Key-value buckets: compare-and-set writes, and entries that expire."""

import asyncio
import contextlib
from collections.abc import Callable

from webjobs_events.errors import RevisionConflict
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.entry import OPERATION_HEADER, Entry, is_removal
from webjobs_events.jetstream.erasure import Eraser
from webjobs_events.jetstream.lookup import last_on
from webjobs_events.jetstream.mirror import BucketMirror
from webjobs_events.jetstream.pipeline import EXPECTED_SEQUENCE_HEADER, PublishPipeline

_TTL = "Nats-TTL"
_SOLE = {"Nats-Rollup": "sub"}  # the server keeps no other revision of the key


class Bucket:
    """One bucket; every write answers its revision."""

    def __init__(
        self, connection: Connection, publisher: PublishPipeline, name: str, *, secrets: str | None = None
    ) -> None:
        """A bucket that is there already.

        Args:
            connection: To NATS.
            publisher: Writes.
            name: Of the bucket.
            secrets: Prefix of the keys whose removed and replaced values are overwritten on the disk of NATS;
                None: there are none.
        """
        self._connection = connection
        self._publisher = publisher
        self.name = name
        self.stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."
        self._secrets = secrets
        self.eraser = Eraser(connection, self.stream, lambda subject: self._is_secret(self.key_of(subject)))

    async def get(self, key: str) -> Entry | None:
        """The entry of a key as the bucket has it now; None when there is none.

        Raises:
            BusUnavailable: No answer.
        """
        found = await self._last(key)
        return None if found is None or found[1] else found[0]

    async def was_removed(self, key: str) -> bool:
        """Whether the key was there once and has been removed; False when it never existed.

        Raises:
            BusUnavailable: No answer.
        """
        return await self.removed_at(key) is not None

    async def removed_at(self, key: str) -> int | None:
        """The revision at which the key was removed; None when it is there, or never existed.

        Raises:
            BusUnavailable: No answer.
        """
        found = await self._last(key)
        return found[0].revision if found is not None and found[1] else None

    async def create(self, key: str, value: bytes, *, ttl: int | None = None, once_only: bool = False) -> int:
        """Write a key that must not exist; `ttl` in whole seconds makes it expire.

        With `once_only` it must not have been removed either, as far back as there is a trace of that.

        Raises:
            RevisionConflict: It exists.
            BusUnavailable: No answer; the write may or may not have happened.
        """
        try:
            return await self._write(key, value, expected=0, ttl=ttl)
        except RevisionConflict:
            if once_only:
                raise
            found = await self._last(key)
            if found is None or not found[1]:
                raise
            return await self._write(key, value, expected=found[0].revision, ttl=ttl)

    async def update(self, key: str, value: bytes, revision: int, *, ttl: int | None = None) -> int:
        """Write a key whose last revision must be `revision`.

        Raises:
            RevisionConflict: It has another one.
            BusUnavailable: No answer; the write may or may not have happened.
        """
        return await self._write(key, value, expected=revision, ttl=ttl)

    async def put(self, key: str, value: bytes, *, ttl: int | None = None) -> int:
        """Write a key, whatever it held.

        Raises:
            BusUnavailable: No answer; the write may or may not have happened.
        """
        return await self._write(key, value, expected=None, ttl=ttl)

    async def delete(self, key: str, revision: int | None = None, *, marker_ttl: int | None = None) -> int:
        """Remove a key; with `revision`, only if that is its last one. Answers the marker's revision.

        `marker_ttl` in whole seconds lets the trace of the removal expire too.

        Raises:
            RevisionConflict: It has another revision.
            BusUnavailable: No answer; the removal may or may not have happened.
        """
        headers = {} if revision is None else {EXPECTED_SEQUENCE_HEADER: str(revision)}
        passing = {OPERATION_HEADER: "PURGE", _TTL: str(marker_ttl), **_SOLE}
        if not self._is_secret(key):
            return await self._send(
                key, b"", headers | (passing if marker_ttl else {OPERATION_HEADER: "DEL"})
            )
        removed_at = await self._send(key, b"", headers | {OPERATION_HEADER: "DEL"})
        is_erased = await self.eraser.erase_before(self._prefix + key, removed_at)
        if marker_ttl is None or not is_erased:
            return removed_at
        # Only now may the trace expire: what was before it and is not erased would be the value again.
        with contextlib.suppress(RevisionConflict):
            return await self._send(key, b"", passing | {EXPECTED_SEQUENCE_HEADER: str(removed_at)})
        return removed_at

    async def let_go(self, key: str, *, marker_ttl: int) -> asyncio.Future[int]:
        """Remove a key that is not needed any more, without waiting for the answer.

        Not for secrets: nothing is overwritten.

        Returns:
            The marker's revision, once stored; it fails when the connection breaks, and may never be done.

        Raises:
            BusUnavailable: NATS is away; the key stays.
        """
        headers = {OPERATION_HEADER: "PURGE", _TTL: str(marker_ttl), **_SOLE}
        return await self._publisher.send(self._prefix + key, b"", headers)

    async def _write(self, key: str, value: bytes, *, expected: int | None, ttl: int | None) -> int:
        headers = {}
        if expected is not None:
            headers[EXPECTED_SEQUENCE_HEADER] = str(expected)
        if ttl is not None:
            headers[_TTL] = str(ttl)
        if self._secrets is not None and not self._is_secret(key):
            headers |= _SOLE  # the bucket would keep several revisions
        revision = await self._send(key, value, headers)
        if self._is_secret(key):
            await self.eraser.erase_before(self._prefix + key, revision)
        return revision

    async def _send(self, key: str, value: bytes, headers: dict[str, str]) -> int:
        try:
            return await self._publisher.publish(self._prefix + key, value, headers)
        except RevisionConflict as error:
            raise RevisionConflict(key) from error

    def _is_secret(self, key: str) -> bool:
        return self._secrets is not None and key.startswith(self._secrets)

    async def _last(self, key: str) -> tuple[Entry, bool] | None:
        """The last message of a key, and whether it says that the key is gone."""
        async with self._connection.asking(f"reading {key}"):
            message = await last_on(self._connection, self.stream, self._prefix + key)
        if message is None:
            return None
        return Entry(message.data, message.sequence), is_removal(message.headers)

    def mirror(
        self,
        on_change: Callable[[str, Entry | None], None] | None = None,
        *,
        keys: str = ">",
        restore: bool = False,
    ) -> BucketMirror:
        """A copy in memory of the entries whose key matches `keys`, kept current; see `BucketMirror`."""
        return BucketMirror(self._connection, self, on_change, keys, restore=restore)

    def key_of(self, subject: str) -> str:
        """The key a stored message is about."""
        return subject[len(self._prefix) :]

    def subject_of(self, keys: str) -> str:
        """The subject, or filter, of a key or pattern of keys."""
        return self._prefix + keys
