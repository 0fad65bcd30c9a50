"""Streams that are missing: which of them are reported as lost, and when they are made again."""

import contextlib
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import msgspec
import pytest
from nats.js import api
from webjobs_events.jetstream.stream_looks import LookedConfig, LookedState, StreamLook
from webjobs_events.jetstream.stream_watch import StreamWatch
from webjobs_events.subjects import Subjects


class Answer(NamedTuple):
    """A message of the server."""

    subject: str
    data: bytes


class JetStream:
    """A connection whose server lacks the streams in `absent`, and is silent about those in `silent`."""

    def __init__(self) -> None:
        self.js = self.client = self
        self.answer_timeout = 0.01
        self.absent: set[str] = set()
        self.silent: set[str] = set()
        self.refused: set[str] = set()
        self.made: list[str] = []
        self.created = "2026-11-22T09:00:00.123456789Z"
        self._receive: Any = None

    @contextlib.asynccontextmanager
    async def asking(self, _doing: str) -> Any:
        yield

    def new_inbox(self) -> str:
        return "_INBOX.us"

    async def subscribe(self, subject: str, cb: Any) -> None:
        assert subject == "_INBOX.us.*.*" and self._receive is None
        self._receive = cb

    async def publish(self, subject: str, reply: str) -> None:
        name = subject.removeprefix("$JS.API.STREAM.INFO.")
        answer: dict[str, Any] = {"config": {"name": name}, "state": {"messages": 0}, "created": self.created}
        if name in self.absent:
            answer = {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}
        elif name in self.refused:
            answer = {"error": {"code": 503, "err_code": 10008, "description": "temporarily unavailable"}}
        if name not in self.silent:
            await self._receive(Answer(reply, msgspec.json.encode(answer)))

    async def add_stream(self, config: api.StreamConfig) -> None:
        self.absent.discard(str(config.name))
        self.made.append(str(config.name))


class Time:
    """A clock that the test moves on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("was_seen", "losses"), [(False, 0), (True, 1)])
async def test_a_missing_stream_is_lost_only_if_it_was_seen_before(
    capsys: pytest.CaptureFixture[str], was_seen: bool, losses: int
) -> None:
    """A cluster that starts may not know it yet."""
    nats, subjects, clock = JetStream(), Subjects(), Time()
    watch = StreamWatch(cast(Any, nats), subjects, clock=clock)
    if was_seen:
        await watch._check_all()
    nats.absent = {subjects.events_stream}
    for _ in range(3):
        await watch._check_all()
        clock.now += 1.0
    assert nats.made == [subjects.events_stream]
    assert capsys.readouterr().out.count("what it held is lost") == losses


async def test_a_stream_is_made_again_once_nats_has_had_time_to_remove_the_files_of_the_deleted_one() -> None:
    nats, subjects, clock = JetStream(), Subjects(), Time()
    watch = StreamWatch(cast(Any, nats), subjects, clock=clock)
    for _ in range(2):  # each loss counts by itself
        nats.made.clear()
        nats.absent = {subjects.events_stream}
        await watch._check_all()
        clock.now += 0.9
        await watch._check_all()
        assert not nats.made and subjects.events_stream in str(watch.problem())
        clock.now += 0.1
        await watch._check_all()
        assert nats.made == [subjects.events_stream] and watch.problem() is None


async def test_a_stream_that_another_service_has_made_meanwhile_is_taken_as_it_is() -> None:
    nats, subjects, clock = JetStream(), Subjects(), Time()
    watch = StreamWatch(cast(Any, nats), subjects, clock=clock)
    nats.absent = {subjects.events_stream}
    await watch._check_all()
    nats.absent.clear()
    clock.now += 5.0
    await watch._check_all()
    assert not nats.made and watch.problem() is None


@pytest.mark.parametrize("how", ["silent", "refused"])
async def test_a_stream_that_is_not_answered_for_hides_nothing_about_the_others(how: str) -> None:
    """In a cluster a stream without a leader does not answer; it is not missing."""
    nats, subjects = JetStream(), Subjects()
    watch, replaced = StreamWatch(cast(Any, nats), subjects), []
    await watch._check_all()
    watch.on_replaced(subjects.logs_stream, lambda: replaced.append(subjects.logs_stream))
    getattr(nats, how).add(subjects.events_stream)
    nats.created = "2026-11-22T10:00:00Z"
    await watch._check_all()
    assert replaced == [subjects.logs_stream]
    assert watch.problem() is None and not nats.made
    assert watch.created_at(subjects.logs_stream) == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert watch.created_at(subjects.events_stream) == datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)


async def test_the_time_of_creation_is_the_one_that_the_client_library_says() -> None:
    """Both are compared, and nats-server writes nanoseconds."""
    text = "2026-11-22T09:00:00.123456789Z"
    look = StreamLook(config=LookedConfig(), state=LookedState(), created=text)
    assert look.created_at == api.StreamInfo._parse_utc_iso(text)
