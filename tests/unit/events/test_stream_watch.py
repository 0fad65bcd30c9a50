"""Streams that are missing: which of them are reported as lost, and when they are made again."""

import contextlib
from typing import Any, cast

import pytest
from nats.js import api
from nats.js import errors as js_errors
from webjobs_events.jetstream.stream_watch import StreamWatch
from webjobs_events.subjects import Subjects


class JetStream:
    """A connection whose server lacks the streams in `absent`; what is made is there."""

    def __init__(self) -> None:
        self.js = self
        self.absent: set[str] = set()
        self.made: list[str] = []

    @contextlib.asynccontextmanager
    async def asking(self, _doing: str) -> Any:
        yield

    async def stream_info(self, name: str) -> api.StreamInfo:
        if name in self.absent:
            raise js_errors.NotFoundError(code=404, err_code=10059, description="stream not found")
        return api.StreamInfo(config=api.StreamConfig(name=name), state=api.StreamState(0, 0, 0, 0, 0))

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
