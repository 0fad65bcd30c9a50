"""Events read from NATS JetStream, without an api between; needs nats-py: `webjobs-client[nats]`."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from webjobs_client.errors import ContactLost, InvalidRequest
from webjobs_client.flows import PATIENCE
from webjobs_client.models import Event
from webjobs_client.tries import back_off

if TYPE_CHECKING:
    from nats.aio.client import Client as Connection
    from nats.js.client import JetStreamContext

NAMESPACE = "webjobs"
"""First token of the subjects, and in capitals the first part of the stream's name."""

_TYPES = ("continuous", "instance", "triggered")
_SPECIAL = re.compile(rb"[^A-Za-z0-9_-]")
_NAME = re.compile(r"[A-Za-z]{1,64}")
_MOST_SUBJECTS = 64  # that NATS is asked to filter by; more is filtered here
_BATCH = 200  # events at a time
_LOOK_SECONDS = 5.0  # without an event, after which the consumer is looked at
_ANSWER_SECONDS = 5.0
_IDLE_SECONDS = 60.0  # after which the server drops a consumer that nothing is read from
_PREFIX = "ce-"
_TRACE = ("traceparent", "tracestate")


class EventSelection(msgspec.Struct, frozen=True):
    """Which events are wanted; an empty set takes all. Pure.

    Attributes:
        types: `triggered`, `continuous` or `instance`.
        jobs: Names of jobs, as tokens of a subject.
        names: Names of events.
    """

    types: frozenset[str]
    jobs: frozenset[str]
    names: frozenset[str]

    def passes(self, subject: str) -> bool:
        """Whether an event on this subject is wanted."""
        kind, about, name = subject.rsplit(".", 3)[1:]
        return (
            (not self.types or kind in self.types)
            and (not self.names or name in self.names)
            and (not self.jobs or (about in self.jobs and kind != "instance"))
        )

    def filters(self, namespace: str) -> list[str]:
        """Filters for NATS that let at least the wanted events through."""
        types = self.types - {"instance"} if self.jobs else self.types
        parts = [sorted(values) or ["*"] for values in (types, self.jobs, self.names)]
        if len(parts[0]) * len(parts[1]) * len(parts[2]) > _MOST_SUBJECTS:
            return [f"{namespace}.events.>"]
        return [f"{namespace}.events.{'.'.join(tokens)}" for tokens in product(*parts)]


def selection_of(
    job_type: str | Sequence[str], job: str | Sequence[str], event: str | Sequence[str]
) -> EventSelection:
    """The selection that the arguments of `events` make.

    Raises:
        InvalidRequest: One of them names what no event can be about.
    """
    types, jobs, names = (
        frozenset([each] if isinstance(each, str) else each) for each in (job_type, job, event)
    )
    for kind in types - set(_TYPES):
        raise InvalidRequest(f"type={kind!r} selects no events.", f"It is one of {', '.join(_TYPES)}.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidRequest(f"event={name!r} selects no events.", "Give a name such as Failed.")
    if "" in jobs:
        raise InvalidRequest("job='' selects no events.", "Give the name of a job.")
    return EventSelection(types, frozenset(map(token_of, jobs)), names)


def token_of(job: str) -> str:
    """A job's name as one token of a subject: each UTF-8 byte outside `[A-Za-z0-9_-]` becomes `=HH`."""
    raw = job.encode("utf-8", "surrogatepass")
    return _SPECIAL.sub(lambda match: b"=%02X" % match[0][0], raw).decode("ascii")


def event_of(subject: str, headers: Mapping[str, str], data: bytes, sequence: int) -> Event:
    """The event in a message, as `GET /api/events` sends it; what is no JSON object has no data."""
    try:
        body = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = {}
    attributes: dict[str, object] = {
        name[len(_PREFIX) :]: value for name, value in headers.items() if name.startswith(_PREFIX)
    }
    attributes |= {"datacontenttype": "application/json", "sequence": str(sequence)}
    attributes |= {name: headers[name] for name in _TRACE if name in headers}
    return Event(
        sequence=sequence,
        name=subject.rpartition(".")[2],
        data=body,
        cloud_event={**attributes, "data": body},
    )


async def follow(
    url: str,
    *,
    namespace: str = NAMESPACE,
    job_type: str | Sequence[str] = (),
    job: str | Sequence[str] = (),
    event: str | Sequence[str] = (),
    after: int | None = None,
    from_first: bool = False,
    patience: float = PATIENCE,
    retry_for: float = 10.0,
) -> AsyncGenerator[Event, None]:
    """Iterates over events as they happen, without end, in order, each once, over breaks of the connection.

    Args:
        url: Of NATS, such as `nats://127.0.0.1:4222`, with a login where that is needed.
        namespace: As in `WEBJOBS_NAMESPACE` of the services.
        job_type: Only events of `triggered` or `continuous` jobs, or of an `instance`.
        job: Only events of this job, or of these.
        event: Only events of these names, such as `Failed`.
        after: Go on after the event with this sequence.
        from_first: Begin with the first event that is stored, instead of now.
        patience: Seconds without contact after which it is given up.
        retry_for: Seconds in which the first contact is tried.

    Raises:
        ContactLost: There was no contact for so long.
        InvalidRequest: No event can be so, or nats-py is not installed.
    """
    wanted = selection_of(job_type, job, event)
    reading = _Reading(_nats(), url, namespace, wanted, 0 if from_first and after is None else after)
    clock = asyncio.get_running_loop().time
    last_contact, limit, tries = clock(), retry_for, 0
    try:
        while True:
            try:
                found = await reading.next()
            except reading.errors as error:
                await reading.drop()
                pause = back_off(tries)
                if clock() - last_contact + pause > limit:
                    reason = str(error) or reading.last_error or "no answer"
                    reason = reason.removeprefix("nats: ").rstrip(".")
                    raise ContactLost(
                        f"There is no contact with NATS at {reading.shown_url}: {reason}."
                    ) from error
                await asyncio.sleep(pause)
                tries += 1
                continue
            last_contact, limit, tries = clock(), max(patience, retry_for), 0
            for each in found:
                yield each
    finally:
        await reading.close()


def _nats() -> ModuleType:
    try:
        import nats
        import nats.errors
        import nats.js.api
        import nats.js.errors
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            "Events from NATS need nats-py, which is not installed.", "pip install 'webjobs-client[nats]'"
        ) from error
    return nats


class _Reading:
    """A consumer of the stream of events, made again whenever it is gone, from where it was.

    Args:
        nats: The package.
        url: Of the server.
        namespace: Of the subjects.
        wanted: Which events.
        after: Sequence after which to begin; None: now.
    """

    def __init__(
        self, nats: ModuleType, url: str, namespace: str, wanted: EventSelection, after: int | None
    ) -> None:
        self._nats = nats
        self._url = url
        self._namespace = namespace
        self._wanted = wanted
        self._stream = f"{namespace.upper()}_EVENTS"
        self._reached = after
        self._connection: Connection | None = None
        self._subscription: JetStreamContext.PullSubscription | None = None
        self.errors: tuple[type[Exception], ...] = (nats.errors.Error, OSError, TimeoutError)
        """What a break of the connection, or the loss of the consumer, raises."""
        self.last_error = ""
        """What the connection itself last reported."""

    @property
    def shown_url(self) -> str:
        """The address without a login."""
        return re.sub(r"//[^/@]*@", "//", self._url)

    async def next(self) -> list[Event]:
        """Events that have come, in order; none when none came for a while, though the consumer is there.

        Raises:
            One of `errors`: It is gone.
        """
        gap = [] if self._subscription is not None else await self._open()
        if gap:
            return gap
        assert self._subscription is not None and self._reached is not None
        try:
            messages = await self._subscription.fetch(_BATCH, timeout=_LOOK_SECONDS)
        except TimeoutError:
            await self._subscription.consumer_info()
            return []
        found = []
        for message in messages:
            sequence = message.metadata.sequence.stream
            if sequence <= self._reached:
                continue
            self._reached = sequence
            if self._wanted.passes(message.subject):
                found.append(event_of(message.subject, message.headers or {}, message.data, sequence))
        return found

    async def drop(self) -> None:
        """Forget the consumer: the next read makes another one."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(*self.errors):
                await subscription.unsubscribe()

    async def close(self) -> None:
        """End the connection."""
        await self.drop()
        if self._connection is not None:
            with suppress(*self.errors):
                await self._connection.close()

    async def _open(self) -> list[Event]:
        """Make the consumer; what is not stored any more of what was wanted is an event of its own."""
        api = self._nats.js.api
        jetstream = (await self._connected()).jetstream(timeout=_ANSWER_SECONDS)
        state = (await jetstream.stream_info(self._stream)).state
        if self._reached is None:
            self._reached = state.last_seq
        elif self._reached > state.last_seq:  # it is another stream
            self._reached = 0
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._reached + 1,
            filter_subjects=self._wanted.filters(self._namespace),
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=_IDLE_SECONDS,
        )
        consumer = await jetstream.add_consumer(self._stream, config)
        self._subscription = await jetstream.pull_subscribe_bind(consumer.name, self._stream)
        if not 0 < self._reached < state.first_seq - 1:
            return []
        lost = {"after": self._reached, "until": state.first_seq - 1}
        self._reached = state.first_seq - 1
        return [Event(sequence=self._reached, name="gap", data=lost, cloud_event={})]

    async def _connected(self) -> "Connection":
        if self._connection is not None and not self._connection.is_closed:
            return self._connection

        async def note(error: Exception) -> None:
            """Keep it for the message: the read that fails learns of a break, not of its reason."""
            self.last_error = str(error)

        async with asyncio.timeout(_ANSWER_SECONDS):
            self._connection = await self._nats.connect(
                self._url,
                name="webjobs-client",
                connect_timeout=_ANSWER_SECONDS,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                error_cb=note,
            )
        return self._connection
