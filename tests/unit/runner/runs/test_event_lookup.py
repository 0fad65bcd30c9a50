"""What the stream of events shows: the latest attempt of a run, and the final event of an attempt."""

from typing import Any, cast

import msgspec
import pytest
from support.commands import run_command
from support.memory_bucket import MemoryBus
from support.run_events import failed, running, store, succeeded, taken
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event, RunEnded
from webjobs_events.jetstream import StreamMessage
from webjobs_rules.run_id import RunId
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.runs.event_lookup import find_final_event, read_run

COMMAND = run_command()
FIRST = first_attempt(COMMAND)
SECOND = FIRST.after(RunId("202601020304060000"), None)
OTHER_RUN = first_attempt(msgspec.structs.replace(COMMAND, run_id=RunId("202601020304070000")))
OTHER_JOB = first_attempt(run_command("other"))
UNREADABLE = failed(FIRST)


def bus_with(*events: Event) -> MemoryBus:
    bus = MemoryBus()
    for event in events:
        store(bus, event)
    return bus


async def final_event(bus: MemoryBus, attempt: Attempt, after: int = 0) -> tuple[RunEnded | None, int]:
    return await find_final_event(cast(Any, bus), attempt, after, UNREADABLE)


async def test_a_run_without_events_has_not_begun() -> None:
    found = await read_run(cast(Any, bus_with(taken(OTHER_RUN), taken(OTHER_JOB))), FIRST, 0)
    assert (found.attempt, found.has_begun, found.end) == (FIRST, False, None)
    assert found.position == 1, "the last event of its job"


async def test_a_run_is_shown_with_its_version_its_start_and_its_end() -> None:
    start = running(FIRST)
    bus = bus_with(taken(FIRST), succeeded(OTHER_RUN), start)
    found = await read_run(cast(Any, bus), FIRST, 0)
    assert (found.has_begun, found.digest, found.started_at) == (True, start.digest, start.at)
    assert (found.end, found.position) == (None, 3)
    store(bus, succeeded(FIRST))
    assert (await read_run(cast(Any, bus), FIRST, 0)).end == succeeded(FIRST)


async def test_a_run_is_followed_to_the_attempt_that_its_final_event_announces() -> None:
    end = failed(FIRST, SECOND.run_id)
    found = await read_run(cast(Any, bus_with(taken(FIRST), end)), FIRST, 0)
    assert (found.attempt, found.before, found.has_begun, found.end) == (SECOND, end, False, None)
    found = await read_run(cast(Any, bus_with(taken(FIRST), end, taken(SECOND))), FIRST, 0)
    assert (found.attempt, found.has_begun, found.digest) == (SECOND, True, taken(SECOND).digest)


async def test_a_run_is_read_to_its_end_past_many_events_of_other_runs() -> None:
    bus = bus_with(taken(FIRST), *[taken(OTHER_RUN)] * 300, succeeded(FIRST))
    assert (await read_run(cast(Any, bus), FIRST, 0)).end == succeeded(FIRST)


async def test_events_up_to_the_sequence_given_are_not_looked_at() -> None:
    bus = bus_with(taken(FIRST), succeeded(FIRST), taken(OTHER_RUN))
    assert not (await read_run(cast(Any, bus), FIRST, 2)).has_begun
    assert await final_event(bus, FIRST, 2) == (None, 3)


async def test_the_final_event_is_that_of_the_attempt_asked_for() -> None:
    bus = bus_with(taken(FIRST), failed(FIRST, SECOND.run_id), taken(SECOND), succeeded(OTHER_RUN))
    assert await final_event(bus, FIRST) == (failed(FIRST, SECOND.run_id), 2)
    assert await final_event(bus, SECOND) == (None, 4)
    assert await final_event(MemoryBus(), SECOND) == (None, 0)


async def test_an_attempt_has_ended_also_when_a_later_release_wrote_how() -> None:
    bus = bus_with(taken(FIRST))
    store(bus, succeeded(FIRST), release=2)
    assert await final_event(bus, FIRST) == (UNREADABLE, 2)
    found = await read_run(cast(Any, bus), FIRST, 1)
    assert found.has_begun and found.end is None


async def test_a_final_event_that_comes_while_the_stream_is_read_is_found() -> None:
    class LateBus(MemoryBus):
        async def last_message(self, stream: str, pattern: str) -> StreamMessage | None:
            store(self, succeeded(FIRST))
            return await super().last_message(stream, pattern)

    assert await final_event(LateBus(), FIRST) == (succeeded(FIRST), 1)


async def test_without_nats_nothing_is_said_about_a_run() -> None:
    bus = bus_with(taken(FIRST))
    bus.is_away = True
    with pytest.raises(BusUnavailable):
        await read_run(cast(Any, bus), FIRST, 0)
    with pytest.raises(BusUnavailable):
        await final_event(bus, FIRST)
