import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from support.eventually import eventually
from support.history import History, Replica
from support.stories import Instance, Run, deleted
from webjobs_events.envelope import event_type
from webjobs_events.events import Event, Purged
from webjobs_events.jetstream import Bus
from webjobs_history.app import rebuild
from webjobs_history.settings import HistorySettings
from webjobs_rules.job import JobName, JobType


@pytest.fixture
def settings(settings: HistorySettings) -> HistorySettings:
    return settings.model_copy(update={"history_size": 3})


def whole(runs: list[Run]) -> list[Event]:
    return [event for run in runs for event in run.whole()]


def newest_first(runs: list[Run]) -> list[str]:
    return [run.run_id for run in reversed(runs)]


async def write_log(bus: Bus, job_type: JobType, job: str, source: str) -> None:
    await bus.connection.js.publish(bus.subjects.log(job_type, job, source), b"a line\n")


async def log_sources(bus: Bus) -> set[str]:
    """Last tokens of the subjects that hold log chunks."""
    info = await bus.connection.js.stream_info(bus.subjects.logs_stream, subjects_filter=">")
    return {subject.rpartition(".")[2] for subject in info.state.subjects or {}}


async def purges(bus: Bus) -> list[Purged]:
    """The `Purged` events in the stream."""
    found: list[Purged] = []
    end = await bus.last_sequence(bus.subjects.events_stream)
    if end:
        async for sequence, event in bus.subscribe_events():
            if isinstance(event, Purged):
                found.append(event)
            if sequence >= end:
                break
    return found


async def test_old_runs_go_with_their_logs(history: History, served: None) -> None:
    runs = [Run(number) for number in range(6)]
    for run in runs:
        await write_log(history.bus, JobType.TRIGGERED, "job", run.run_id)
    await history.publish([*whole(runs), *Run(1, "other").whole()])

    async def trimmed() -> bool:
        assert await history.run_ids("job") == newest_first(runs[3:])
        assert await log_sources(history.bus) == {run.run_id for run in runs[3:]}
        return True

    await eventually(trimmed)
    assert len(await history.run_ids("other")) == 1
    (latest,) = await history.latest(["job"])
    assert latest.run_id == runs[-1].run_id


async def test_a_run_that_has_not_ended_stays_until_it_has(history: History, served: None) -> None:
    old, *rest = [Run(number) for number in range(6)]
    await history.publish([old.initializing(), *whole(rest)])

    async def trimmed() -> bool:
        assert await history.run_ids("job") == newest_first([old, *rest[2:]])
        return True

    await eventually(trimmed)
    await history.publish([old.aborted()])

    async def gone() -> bool:
        assert await history.run_ids("job") == newest_first(rest[2:])
        return True

    await eventually(gone)


async def test_a_smaller_setting_takes_effect_at_once(history: History, served: None) -> None:
    runs = [Run(number) for number in range(3)]
    end = await history.publish(whole(runs))
    assert len(await history.run_ids("job", end)) == 3
    await history.bus.settings.put("WEBJOBS_HISTORY_SIZE", b"1")

    async def trimmed() -> bool:
        assert await history.run_ids("job") == [runs[-1].run_id]
        return True

    await eventually(trimmed)


async def test_many_runs_go_in_events_of_200_and_no_run_is_asked_for_twice(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    runs = [Run(number) for number in range(450)]
    await asyncio.gather(*(history.bus.publish_event(run.initializing()) for run in runs))
    await asyncio.gather(*(history.bus.publish_event(run.success()) for run in runs))
    async with replica(settings), replica(settings):

        async def trimmed() -> bool:
            assert await history.run_ids("job") == newest_first(runs[-3:])
            return True

        await eventually(trimmed)
    requested = [run_id for event in await purges(history.bus) for run_id in event.run_ids]
    assert sorted(requested) == sorted(run.run_id for run in runs[:-3])
    assert {len(event.run_ids) for event in await purges(history.bus)} == {200, 47}


async def test_a_replay_asks_for_no_purge_again_and_gives_the_same_answers(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    runs = [Run(number) for number in range(20)]
    async with replica(settings):
        await history.publish(whole(runs))

        async def trimmed() -> bool:
            assert await history.run_ids("job") == newest_first(runs[-3:])
            return True

        await eventually(trimmed)
        requested = await purges(history.bus)
        end = await history.bus.last_sequence(history.bus.subjects.events_stream)
        before = await history.everything(end)
        await rebuild(settings, asyncio.Event())
        assert await history.everything(end) == before
        late = await history.publish([Run(99, "other").initializing()])
        await history.latest(at_least=late)
    assert await purges(history.bus) == requested


async def test_the_logs_of_a_deleted_job_go_and_those_of_its_successor_stay(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    """Also when history learns of the deletion long after the job was made anew."""
    bus, old, new = history.bus, Run(1), Run(2)
    await history.publish(old.whole())
    await write_log(bus, JobType.TRIGGERED, "job", old.run_id)
    await write_log(bus, JobType.CONTINUOUS, "job", "aaaaaa")
    await write_log(bus, JobType.CONTINUOUS, "untouched", "bbbbbb")
    await history.publish([deleted(), deleted(job_type=JobType.CONTINUOUS)])
    await history.publish(new.whole())
    await write_log(bus, JobType.TRIGGERED, "job", new.run_id)
    await write_log(bus, JobType.CONTINUOUS, "job", "cccccc")
    async with replica(settings):

        async def purged() -> bool:
            assert await log_sources(bus) == {new.run_id, "cccccc", "bbbbbb"}
            return True

        await eventually(purged)
        assert await history.run_ids("job") == [new.run_id]


async def test_an_event_about_no_possible_job_keeps_no_other_logs_from_being_purged(
    history: History, served: None
) -> None:
    bus, run = history.bus, Run(1)
    await history.publish(run.whole())
    await write_log(bus, JobType.TRIGGERED, "job", run.run_id)
    nameless = Purged(
        at=run.whole()[0].at, instance="other", job_name=JobName(""), run_ids=[run.run_id], limit=1
    )
    subject = bus.subjects.job_event(JobType.TRIGGERED, "job", "Purged")
    await bus.connection.js.publish(
        subject, msgspec.json.encode(nameless), headers={"ce-type": event_type("triggered", "Purged")}
    )
    await history.publish([deleted()])

    async def purged() -> bool:
        assert await log_sources(bus) == set()
        return True

    await eventually(purged)
    assert await history.run_ids("job") == []


async def test_logs_purged_once_are_not_purged_again_by_a_rebuild(
    history: History, settings: HistorySettings, replica: Replica
) -> None:
    bus = history.bus
    async with replica(settings):
        await history.publish([Instance().initializing(), deleted(job_type=JobType.CONTINUOUS)])
        await write_log(bus, JobType.CONTINUOUS, "job", "aaaaaa")
        await rebuild(settings, asyncio.Event())
        late = await history.publish([Run(99, "other").initializing()])
        await history.latest(at_least=late)
    async with replica(settings):
        await history.latest()
    assert await log_sources(bus) == {"aaaaaa"}


async def test_purged_tells_who_decided_and_by_which_limit(history: History, served: None) -> None:
    await history.publish(whole([Run(number) for number in range(4)]))
    (event,) = await eventually(lambda: purges(history.bus))
    assert (event.instance, event.limit, event.run_ids) == ("history", 3, [Run(0).run_id])
    assert abs((datetime.now(UTC) - event.at).total_seconds()) < 60
