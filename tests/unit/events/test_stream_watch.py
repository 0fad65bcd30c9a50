"""A stream is reported as lost only by a service that has seen it, not by one that starts with a cluster."""

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


@pytest.mark.parametrize(("was_seen", "losses"), [(False, 0), (True, 1)])
async def test_a_missing_stream_is_lost_only_if_it_was_seen_before(
    capsys: pytest.CaptureFixture[str], was_seen: bool, losses: int
) -> None:
    nats, subjects = JetStream(), Subjects()
    watch = StreamWatch(cast(Any, nats), subjects)
    if was_seen:
        await watch._check_all()
    nats.absent = {subjects.events_stream}
    await watch._check_all()
    assert nats.made == [subjects.events_stream]
    assert capsys.readouterr().out.count("what it held is lost") == losses
