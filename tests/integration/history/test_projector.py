import asyncio
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.eventually import eventually
from support.history import History, Process, Replica
from support.stories import Run, acknowledged, deleted, random_history, withdrawn
from webjobs_events.envelope import encode_event, event_type
from webjobs_events.events import Event
from webjobs_events.jetstream import Bus
from webjobs_history import store
from webjobs_history.app import rebuild
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobType
from webjobs_rules.status import Status


def _message(bus: Bus, event: Event) -> tuple[str, bytes, dict[str, str]]:
    headers, data = encode_event(event)
    return event.subject(bus.subjects), data, headers


async def publish_quickly(bus: Bus, events: list[Event]) -> int:
    """Publish many events in order; answers the sequence of the last one."""
    async with bus.pipeline() as pipeline:
        published = [await pipeline.send(*_message(bus, event)) for event in events]
        return max([await each for each in published])


async def test_two_replicas_project_in_turns_and_both_answer(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    run = Run(1)
    async with replica(settings):
        async with replica(settings):
            end = await history.publish([run.initializing()])
            for _ in range(10):  # the server gives the questions to either
                assert await history.run("job", run.run_id, end)
        end = await history.publish([run.running()])
        view = await history.run("job", run.run_id, end)
        assert view is not None and view.status is Status.RUNNING
    async with replica(settings):
        end = await history.publish([run.success()])
        view = await history.run("job", run.run_id, end)
        assert view is not None and view.status is Status.SUCCESS


async def test_a_message_nobody_can_read_is_parked_and_the_rest_flows(history: History, served: None) -> None:
    run, bus = Run(1), history.bus
    subject = run.running().subject(bus.subjects)
    await bus.connection.js.publish(subject, b"?")
    await bus.connection.js.publish(
        subject, b"{}", headers={"ce-type": event_type("triggered", "Running", version=9)}
    )
    end = await history.publish([run.initializing()])
    assert await history.run("job", run.run_id, end)
    assert await bus.last_sequence(bus.subjects.dead_letters_stream) == 2


async def test_an_event_that_cannot_be_stored_is_parked_alone(history: History, served: None) -> None:
    bus = history.bus
    runs = [Run(number) for number in range(4)]
    events: list[Event] = [run.initializing() for run in runs]
    events.insert(2, runs[0].failed(exit_code=2**63))
    end = await publish_quickly(bus, events)
    assert len(await history.runs("job", end)) == 4
    assert await bus.last_sequence(bus.subjects.dead_letters_stream) == 1


async def test_events_the_stream_no_longer_holds_are_passed_over(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    """A stream whose limits took its events, the last one too, has an end that can be reached."""
    old, bus = Run(1), history.bus
    await history.publish(old.whole())
    await bus.connection.js.purge_stream(bus.subjects.events_stream)
    async with replica(settings):
        assert await history.latest() == []
        assert await history.run("job", old.run_id) is None


@pytest.fixture
async def many(bus: Bus) -> AsyncIterator[int]:
    yield await publish_quickly(bus, random_history(7, 4000))


async def test_killed_at_any_moment_nothing_is_lost_or_doubled(
    history: History,
    settings: HistorySettings,
    replica: Replica,
    history_process: Process,
    many: int,
) -> None:
    """Killed thrice while it projects; what is there at the end is what a calm replay gives."""
    position = 0
    connection = await asyncpg.connect(settings.database_url)
    try:
        for _ in range(3):
            async with history_process(settings) as process:

                async def moved(before: int = position) -> int:
                    try:
                        sequence = await connection.fetchval(
                            "SELECT sequence FROM positions WHERE reader = $1", store.PROJECTION
                        )
                    except Exception:  # the tables are not there yet
                        return 0
                    return sequence if sequence and sequence > before else 0

                position = await eventually(moved, 20, interval=0.002)
                process.send_signal(signal.SIGKILL)
    finally:
        await connection.close()
    async with replica(settings):
        survived = await history.everything(many)
        await rebuild(settings, asyncio.Event())
        assert await history.everything(many) == survived


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_a_rebuild_every_answer_is_the_same(
    seed: int, history: History, settings: HistorySettings, history_process: Process, replica: Replica
) -> None:
    end = await publish_quickly(history.bus, random_history(seed, 1500))
    async with replica(settings):
        before = await history.everything(end)
    async with history_process(settings, "rebuild") as process:
        assert await process.wait() == 0
    async with replica(settings):
        assert await history.everything(end) == before


async def test_acknowledgements_are_read_in_order_and_end_with_a_success(
    history: History, settings: HistorySettings, served: None
) -> None:
    run = Run(1)
    given = [
        acknowledged(1, "job"),
        acknowledged(2, "job", "refused"),
        acknowledged(3, "a", note="ä\U0001f600"),
    ]
    end = await history.publish(given)
    page = await history.acknowledgements(end)
    assert [(row.job_name, row.kind) for row in page.acknowledgements] == [
        ("a", "failed"),
        ("job", "failed"),
        ("job", "refused"),
    ]
    assert page.acknowledgements[0].note == "ä\U0001f600" and not page.has_more
    rest = await history.acknowledgements(after=(JobType.TRIGGERED, "job", "failed"))
    assert rest.acknowledgements == page.acknowledgements[2:]
    end = await history.publish(run.whole())
    left = (await history.acknowledgements(end)).acknowledgements
    assert left == [page.acknowledgements[0], page.acknowledgements[2]]
    await rebuild(settings, asyncio.Event())
    assert (await history.acknowledgements(end)).acknowledgements == left
    end = await history.publish([withdrawn(3, "a"), deleted("job")])
    assert (await history.acknowledgements(end)).acknowledgements == []


async def test_a_rebuild_beside_a_running_replica_loses_no_new_event(
    history: History, settings: HistorySettings, served: None
) -> None:
    end = await publish_quickly(history.bus, random_history(3, 1500))
    before = await history.everything(end)
    run = Run(999_999, "new")
    rebuilding = asyncio.ensure_future(rebuild(settings, asyncio.Event()))
    end = await history.publish(run.whole())
    await rebuilding
    assert await history.run("new", run.run_id, end)
    after = await history.everything(end)
    assert isinstance(before, tuple) and isinstance(after, tuple)
    assert [view for view in after[0] if view.job_name != "new"] == before[0]
    assert after[-1] == before[-1]


async def test_a_graceful_stop_ends_with_code_0(
    settings: HistorySettings, history: History, history_process: Process
) -> None:
    async with history_process(settings) as process:
        run = Run(1)
        end = await history.publish([run.initializing()])
        assert await history.run("job", run.run_id, end)
        process.terminate()
        assert await process.wait() == 0
