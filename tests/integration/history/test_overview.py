"""What an overview of many jobs needs, out of Postgres."""

import asyncio
from typing import Any

import pytest
from support.history import History
from support.stories import Instance, Run, at, deleted, purged
from webjobs_events import queries as q
from webjobs_events.jetstream import QueryRefused
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Status

pytestmark = pytest.mark.usefixtures("served")


async def test_the_summary_of_a_job_is_that_of_all_its_runs(history: History) -> None:
    runs = [Run(number * 10, "b") for number in range(25)]
    events: list[Any] = []
    for number, run in enumerate(runs):
        events += [run.initializing(number * 10), run.running(number * 10)]
        events.append((run.success if number < 22 else run.failed)(number * 10 + 1 + number / 1000))
    again = Run(900, "b")
    never_ended = Run(3, "a")
    end = await history.publish([*events, again.initializing(900), never_ended.initializing()])

    first, second = await history.summaries(None, end)
    assert (first.job_name, first.results, first.durations, first.streak) == ("a", "", [], 0)
    assert (second.job_name, second.run_count, second.latest.run_id) == ("b", 26, again.run_id)
    assert second.results == "S" * 22 + "FFF"
    assert second.durations == [1000 + number for number in range(25)]
    assert (second.median_ms, second.p90_ms, second.streak) == (1012, 1022, 3)
    assert second.failing_since == events[22 * 3 + 2].at
    assert second.last_success == q.LastSuccess(run_id=runs[21].run_id, ended_at=events[21 * 3 + 2].at)
    assert await history.summaries(["b", "nobody's"], end) == [second]


async def test_summaries_too_large_for_one_message_are_refused(history: History) -> None:
    runs = [Run(1, f"job-{number:03}") for number in range(150)]
    published = await asyncio.gather(
        *(history.bus.publish_event(run.initializing(arguments="x" * 7000)) for run in runs)
    )
    with pytest.raises(QueryRefused) as raised:
        await history.summaries(None, max(published))
    assert raised.value.code == 413
    assert len(await history.summaries([run.job for run in runs[:100]])) == 100


async def test_runs_are_counted_by_what_they_do(history: History) -> None:
    old, new, running, later = Run(1), Run(50), Run(60), Run(55, "later")
    retried, next_attempt, last_attempt = Run(70), Run(71, attempt=2), Run(72, attempt=3)
    taken, unknown = Run(80), Run(90)
    end = await history.publish(
        [
            *[old.initializing(), old.failed()],
            *[new.initializing(), new.failed(62)],
            *[running.initializing(arguments="x" * 300), running.running()],
            *[later.initializing(), later.running()],
            *[retried.initializing(), retried.failed(72, next_run_id=next_attempt.run_id)],
            *[next_attempt.initializing(), next_attempt.failed(130, next_run_id=last_attempt.run_id)],
            taken.initializing(),
        ]
    )
    queue = [running, retried, taken, unknown, later]
    totals = await history.totals(end, since=run_id_at(at(65)), waiting=queue)
    assert (totals.running, totals.failed) == (2, 3)
    assert [run.run_id for run in totals.longest_running] == [later.run_id, running.run_id]
    assert totals.longest_running[1].arguments == "x" * 200
    assert totals.longest_running[0].status is Status.RUNNING
    assert totals.begun == 2  # the retried one waits for its third attempt

    end = await history.publish([last_attempt.initializing(), last_attempt.running(), taken.running()])
    totals = await history.totals(end, since=run_id_at(at(0)), waiting=queue)
    assert (totals.running, totals.failed, totals.begun) == (4, 4, 4)


async def test_failures_of_a_day_are_counted_though_their_runs_are_not_kept(history: History) -> None:
    runs = [Run(number * 60) for number in range(5)]
    failing = [
        event for number, run in enumerate(runs) for event in (run.initializing(), run.failed(60 * number))
    ]
    await history.publish([*failing, failing[-1]])  # an event that comes twice counts once
    await history.publish([purged([run.run_id for run in runs[:3]])])
    end = await history.publish([deleted("job")])
    totals = await history.totals(end, since=run_id_at(at(0)), waiting=[])
    assert totals.failed == 5
    assert (await history.totals(end, since=run_id_at(at(120)), waiting=[])).failed == 3


async def test_failures_of_earlier_days_are_forgotten(history: History) -> None:
    first, later = Run(0), Run(26 * 3600)
    await history.publish([first.initializing(), first.failed(0)])
    end = await history.publish([later.initializing(), later.failed(26 * 3600)])
    assert (await history.totals(end, since=run_id_at(at(0)), waiting=[])).failed == 1


async def test_crashes_of_a_continuous_job_are_counted(history: History) -> None:
    job = Instance()
    events = [job.initializing(), *(step() for _ in range(3) for step in _crash(job))]
    ((view,),) = [each.instances for each in await history.statuses(at_least=await history.publish(events))]
    assert (view.crashes, view.crashing_since) == (3, at(3))


def _crash(job: Instance) -> list[Any]:
    return [job.starting, job.running, job.pending_restart]
