"""A bucket and streams in memory, with the rules and the errors of those on NATS."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import structlog
from webjobs_events.commands import Command, encode_command
from webjobs_events.envelope import MESSAGE_ID_HEADER, NO_CAUSE, Cause, encode_event
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.events import Event
from webjobs_events.jetstream import Entry, StreamMessage
from webjobs_events.outage import Outage
from webjobs_events.subjects import Subjects

OnChange = Callable[[str, Entry | None], None]


class ImpatientOutage(Outage):
    """Tries again at once."""

    async def retry(self, work: Any, **options: Any) -> Any:
        return await super().retry(work, **{**options, "delay": 0})


class MemoryMirror:
    """The entries of a bucket with some keys; a listener receives changes while it is entered."""

    def __init__(self, bucket: "MemoryBucket", on_change: OnChange | None, keys: str) -> None:
        self._bucket, self._on_change, self._keys = bucket, on_change, keys

    async def __aenter__(self) -> "MemoryMirror":
        self._bucket.mirrors.append(self)
        for key, entry in self.entries.items():
            self.changed(key, entry)
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self._bucket.mirrors.remove(self)

    @property
    def entries(self) -> dict[str, Entry]:
        return {key: entry for key, entry in self._bucket.entries.items() if _matches(self._keys, key)}

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def changed(self, key: str, entry: Entry | None) -> None:
        if self._on_change is not None and _matches(self._keys, key):
            self._on_change(key, entry)


class MemoryBucket:
    """Compare-and-set writes; a removed key leaves a trace."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.mirrors: list[MemoryMirror] = []
        self._removed: set[str] = set()
        self._revision = 0

    async def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    async def create(self, key: str, value: bytes, *, ttl: int | None = None, once_only: bool = False) -> int:
        if key in self.entries or (once_only and key in self._removed):
            raise RevisionConflict(key)
        return self._write(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        if key not in self.entries or self.entries[key].revision != revision:
            raise RevisionConflict(key)
        return self._write(key, value)

    async def delete(self, key: str) -> int:
        self.entries.pop(key, None)
        self._removed.add(key)
        self._revision += 1
        self._tell(key, None)
        return self._revision

    async def let_go(self, key: str, *, marker_ttl: int) -> "asyncio.Future[int]":
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_result(await self.delete(key))
        return future

    def mirror(self, on_change: OnChange | None = None, *, keys: str = ">") -> MemoryMirror:
        return MemoryMirror(self, on_change, keys)

    def lose(self) -> None:
        """Replace the bucket by an empty one, which has no traces either."""
        self.entries.clear()
        self._removed.clear()
        self._revision = 0

    def _write(self, key: str, value: bytes) -> int:
        self._revision += 1
        self.entries[key] = Entry(value, self._revision)
        self._tell(key, self.entries[key])
        return self._revision

    def _tell(self, key: str, entry: Entry | None) -> None:
        for mirror in self.mirrors:
            mirror.changed(key, entry)


class MemoryBus:
    """A bus with one bucket, and streams that share their sequences; it is away while `is_away`."""

    def __init__(self) -> None:
        self.subjects = Subjects()
        self.leases = MemoryBucket()
        self.connection = self
        self.is_away = False
        self._messages: dict[int, StreamMessage] = {}
        self._last_sequence = 0

    def outage_of(self, what: str) -> Outage:
        return ImpatientOutage(structlog.get_logger(), what)

    def on_reconnect(self, _listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def store(self, subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Put a message at the end of its stream; returns its sequence."""
        self._last_sequence += 1
        self._messages[self._last_sequence] = StreamMessage(
            subject, headers or {}, data, self._last_sequence, stored_at_ns=0
        )
        return self._last_sequence

    def remove(self, sequence: int) -> bool:
        """Remove a message; False when it is gone already."""
        return self._messages.pop(sequence, None) is not None

    @property
    def is_connected(self) -> bool:
        return not self.is_away

    async def publish_event(
        self, event: Event, cause: Cause = NO_CAUSE, *, after: tuple[str, int] | None = None
    ) -> int:
        headers, data = encode_event(event, cause)
        if after is not None:
            last = await self.last_message("", after[0])
            if (last.sequence if last is not None else 0) != after[1]:
                raise RevisionConflict(after[0])
        self._on("")
        return self.store(event.subject(self.subjects), data, headers)

    def queue(self, command: Command) -> int:
        """Put a command into the queue; returns its sequence."""
        headers = {MESSAGE_ID_HEADER: command.command_id}
        return self.store(command.subject(self.subjects), encode_command(command), headers)

    async def messages_from(
        self, _stream: str, pattern: str, *, start_sequence: int = 1, count: int = 256, **_options: Any
    ) -> tuple[list[StreamMessage], int]:
        found = [each for each in self._on(pattern) if each.sequence >= start_sequence]
        return found[:count], len(found[count:])

    async def pages_from(
        self, stream: str, pattern: str, *, start_sequence: int = 1, **_options: Any
    ) -> AsyncGenerator[list[StreamMessage], None]:
        found, _ = await self.messages_from(stream, pattern, start_sequence=start_sequence, count=10_000)
        if found:
            yield found

    async def last_message(self, _stream: str, pattern: str) -> StreamMessage | None:
        return next(reversed(self._on(pattern)), None)

    async def pending_subjects(self, patterns: list[str]) -> list[str]:
        return [each.subject for pattern in patterns for each in self._on(pattern)]

    async def pending_command(self, subject: str) -> StreamMessage | None:
        return await self.last_message(self.subjects.commands_stream, subject)

    async def pending_commands(self, pattern: str) -> list[StreamMessage]:
        return self._on(pattern)

    async def withdraw_command(self, sequence: int) -> bool:
        self._on("")
        return self.remove(sequence)

    def _on(self, pattern: str) -> list[StreamMessage]:
        if self.is_away:
            raise BusUnavailable("reading", "the connection is down")
        return [each for _, each in sorted(self._messages.items()) if _matches(pattern, each.subject)]


def _matches(pattern: str, subject: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", "[^.]+").replace(">", ".+")
    return re.fullmatch(expression, subject) is not None
