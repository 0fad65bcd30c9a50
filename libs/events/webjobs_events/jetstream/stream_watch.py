"""Watches the streams, buckets and their replicas: creates missing ones again, reports losses."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

from nats.js import errors as js_errors
from prometheus_client import Counter, Gauge

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.replicas import Replicas
from webjobs_events.jetstream.stream_looks import StreamLook, StreamLooks
from webjobs_events.jetstream.streams import NAME_TAKEN, missing_messages, stream_configs
from webjobs_events.log import logger
from webjobs_events.subjects import Subjects

MISSING = Gauge("webjobs_streams_missing", "Streams and buckets that do not exist at the moment")
MISSING_EVENTS = Gauge("webjobs_events_missing", "Events that the stream of events should have and does not")
LOST = Counter(
    "webjobs_streams_lost", "Streams and buckets found deleted or replaced by new ones", ["stream"]
)

_CHECK_SECONDS = 2.0  # between looks at all streams
_SOON_SECONDS = 0.25  # between looks while one is missing, and at least between two looks
_DELETION_SECONDS = 1.0
"""That a stream is missing before it is made again: nats-server says so before it has removed the files, and
takes those of a new stream along, which then loses what it acknowledges."""
_SEQUENCE_GAP = 1_000_000
"""Added to the last known sequence of a lost stream: what it took since the last look stays below that."""

_JUST_NOW = "found missing just now"

Replaced = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _LastSeen:
    """A stream as it was at the last look."""

    created_at: datetime
    last: int
    messages: int


class StreamWatch:
    """Watches which streams exist. Owned by the bus, which runs it as long as the bus is open.

    A stream that is created again gets sequences above those of the one before, as far as this service knows
    them, so that positions, revisions and fencing tokens go on growing. Nothing relies on that: the
    service that created it may not have known them.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        replicas: int = 1,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._configs = {config.name or "": config for config in stream_configs(subjects, replicas)}
        self._looks = StreamLooks(connection)
        self._replicas = Replicas(connection, replicas)
        self._last_seen: dict[str, _LastSeen] = {}
        self._missing: dict[str, str] = {}
        self._missing_since: dict[str, float] = {}
        self._lost_at: dict[str, datetime] = {}
        self._events = subjects.events_stream
        self._missing_events = 0
        self._listeners: dict[str, list[Replaced]] = {}

    @property
    def purposes(self) -> Mapping[str, str]:
        """Every stream, bucket and object store of webjobs by name, with what it is for."""
        return {name: config.description or "" for name, config in self._configs.items()}

    @property
    def missing(self) -> Mapping[str, str]:
        """Streams that do not exist at the moment, each with the reason why it could not be made."""
        return MappingProxyType(self._missing)

    def problem(self) -> str | None:
        """One sentence for a health check; None while every stream exists."""
        if not self._missing:
            return None
        each = "; ".join(f"{name} ({reason})" for name, reason in sorted(self._missing.items()))
        return f"missing on NATS, being created again: {each}"

    def created_at(self, stream: str) -> datetime | None:
        """When a stream was made, as of the last look; None before the first one."""
        known = self._last_seen.get(stream)
        return known.created_at if known else None

    def notes(self) -> Mapping[str, str]:
        """What an operator should know though the service is ready, by subject, for `/healthz`."""
        notes = {}
        if self._missing_events:
            notes["events"] = (
                f"{self._missing_events} events are missing in the stream {self._events}: damage of its "
                "files or a purge took them. What history shows of them stays; it cannot be rebuilt."
            )
        if self._lost_at:
            each = ", ".join(
                f"{name} at {at:%Y-%m-%dT%H:%M:%SZ}" for name, at in sorted(self._lost_at.items())
            )
            notes["streams"] = f"found deleted or replaced by an empty one since this service started: {each}"
        if fewer := self._replicas.problem():
            notes["replicas"] = fewer
        return notes

    def on_replaced(self, stream: str, listener: Replaced) -> Callable[[], None]:
        """Call this when a stream was replaced by an empty one; returns a function that ends that."""
        listeners = self._listeners.setdefault(stream, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    async def run(self) -> None:
        """Look until cancelled: every two seconds, at a reconnection, and when a stream is missed."""
        missed = self._connection.stream_missed
        unhook = self._connection.on_reconnect(missed.set)
        try:
            while True:
                missed.clear()
                await self._check_all()
                looked_at = time.monotonic()
                if not self._missing:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_CHECK_SECONDS):
                            await missed.wait()
                await asyncio.sleep(looked_at + _SOON_SECONDS - time.monotonic())
        finally:
            unhook()
            self._record_missing({})

    async def _check_all(self) -> None:
        try:
            await self._look()
        except BusUnavailable as error:
            logger.debug("streams not looked at", error=str(error))
        except Exception:  # whatever it is, the next look must follow
            logger.exception("streams not looked at")

    async def _look(self) -> None:
        """Look at all streams, and make those that are missing long enough.

        Raises:
            BusUnavailable: NATS does not answer, or not about each stream; what it said counts.
        """
        answers = await self._looks.ask(self._configs)
        missing: dict[str, str] = {}
        if absent := [name for name, answer in answers.items() if answer is None]:
            reasons = await asyncio.gather(*(self._replace(name) for name in absent))
            missing = {name: why for name, why in zip(absent, reasons, strict=True) if why}
            if made := [name for name in absent if name not in missing]:
                answers |= await self._looks.ask(made)
        unanswered = None
        for name, answer in answers.items():
            if isinstance(answer, StreamLook):
                self._missing_since.pop(name, None)
                self._record(name, answer)
            elif answer is not None:
                unanswered = answer
            elif name not in missing:
                missing[name] = _JUST_NOW  # it is gone again
        await self._raise_replicas(answers)
        if unanswered is not None:
            raise unanswered
        self._record_missing(missing)

    async def _raise_replicas(self, answers: Mapping[str, StreamLook | BusUnavailable | None]) -> None:
        found = {
            name: look.config.num_replicas for name, look in answers.items() if isinstance(look, StreamLook)
        }
        fewer = [name for name, replicas in found.items() if not self._replicas.suffice(name, replicas)]
        if fewer:
            await asyncio.gather(*(self._replicas.add(name, found[name]) for name in fewer))

    def _record_missing(self, missing: dict[str, str]) -> None:
        MISSING.inc(len(missing) - len(self._missing))  # several connections of a process share the gauge
        self._missing = missing

    async def _replace(self, name: str) -> str | None:
        """Make a missing stream if it is missing long enough; returns why there is none, else None.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if name not in self._missing_since:
            self._missing_since[name] = self._clock()
            self._log_loss(name)
        if self._clock() < self._missing_since[name] + _DELETION_SECONDS:
            return _JUST_NOW
        async with self._connection.asking(f"making {name}"):
            return await self._make(name)

    async def _make(self, name: str) -> str | None:
        known = self._last_seen.get(name)
        config = self._configs[name]
        if known is not None:
            config = replace(config, first_seq=known.last + _SEQUENCE_GAP)
        try:
            await self._connection.js.add_stream(config)
        except js_errors.APIError as error:
            if error.err_code == NAME_TAKEN:  # another service was faster
                return None
            reason = str(error.description or error)
            logger.error("stream not created again", stream=name, error=reason)
            return reason
        logger.warning("stream created again", stream=name)
        return None

    def _log_loss(self, name: str) -> None:
        known = self._last_seen.get(name)
        if known is None:  # a cluster that starts may not know it yet
            logger.warning("stream is missing", stream=name)
            return
        logger.error(
            "stream is missing; what it held is lost",
            stream=name,
            messages=known.messages,
            last_sequence=known.last,
        )

    def _record_missing_events(self, count: int) -> None:
        before, self._missing_events = self._missing_events, count
        MISSING_EVENTS.set(count)
        if count > before:
            logger.error(
                "events are missing in their stream; the history of them cannot be rebuilt",
                stream=self._events,
                missing=count,
            )

    def _record(self, name: str, look: StreamLook) -> None:
        if name == self._events:
            self._record_missing_events(missing_messages(look))
        before = self._last_seen.get(name)
        self._last_seen[name] = _LastSeen(look.created_at, look.state.last_seq, look.state.messages)
        if before is None or before.created_at == look.created_at:
            return
        logger.error("stream was replaced by an empty one", stream=name, last_sequence_before=before.last)
        LOST.labels(name).inc()
        self._lost_at[name] = datetime.now(UTC)
        for listener in list(self._listeners.get(name, ())):
            try:
                listener()
            except Exception:
                logger.exception("a listener failed", stream=name)
