import asyncio

import pytest
from support.history import History
from support.stories import Instance, Run
from webjobs_events import queries as q
from webjobs_events.jetstream import QueryRefused
from webjobs_rules.status import Status

pytestmark = pytest.mark.usefixtures("served")


async def test_runs_come_newest_first_a_page_at_a_time(history: History) -> None:
    runs = [Run(number) for number in range(5)]
    end = await history.publish([run.initializing() for run in runs])
    newest_first = [run.run_id for run in reversed(runs)]
    assert await history.run_ids("job", end) == newest_first
    first = await history.runs("job", limit=2)
    assert [run.run_id for run in first] == newest_first[:2]
    rest = await history.runs("job", before=first[-1].run_id)
    assert [run.run_id for run in rest] == newest_first[2:]


async def test_a_run_is_answered_with_all_that_is_known(history: History) -> None:
    run = Run(1, "jöb ✓")
    end = await history.publish(
        [
            run.initializing(arguments='"ä" \\u0000'),
            run.running(),
            run.failed(evidence="Why: \0.", exit_code=255, cpu_seconds=2.0, peak_memory_bytes=2**40),
        ]
    )
    view = await history.run("jöb ✓", run.run_id, end)
    assert view is not None
    assert (view.status, view.arguments, view.exit_code) == (Status.FAILED, '"ä" \\u0000', 255)
    assert (view.cpu_seconds, view.peak_memory_bytes, view.log_lines) == (2.0, 2**40, None)
    assert view.evidence == "Why: \N{REPLACEMENT CHARACTER}."
    assert view.requested_at == run.initializing().requested_at


async def test_the_latest_runs_of_some_or_all_jobs(history: History) -> None:
    runs = [Run(number, job) for job in ("b", "a") for number in (1, 2)]
    end = await history.publish([event for run in runs for event in run.whole()])
    latest = await history.latest(at_least=end)
    assert [(run.job_name, run.run_id) for run in latest] == [("a", runs[3].run_id), ("b", runs[1].run_id)]
    assert [run.job_name for run in await history.latest(["b", "nobody's"])] == ["b"]


async def test_statuses_are_told_per_job_and_instance(history: History) -> None:
    first, second, other = Instance("aaaaaa"), Instance("bbbbbb"), Instance("aaaaaa", "other")
    end = await history.publish(
        [second.initializing(), first.initializing(), first.starting(), other.initializing()]
    )
    (job, _) = await history.statuses(at_least=end)
    assert [(view.instance, view.status) for view in job.instances] == [
        ("aaaaaa", Status.STARTING),
        ("bbbbbb", Status.INITIALIZING),
    ]
    assert [job.job_name for job in await history.statuses(["other"])] == ["other"]
    assert await history.statuses(["nobody's"]) == []


async def test_a_miss_is_answered_from_the_end_of_the_stream(history: History) -> None:
    """Asked for at once after its event, without naming its sequence, a run is never missing."""
    for number in range(20):
        run = Run(number)
        await history.publish([run.initializing()])
        assert await history.run("job", run.run_id) is not None


async def test_what_is_not_there_is_told_so(history: History) -> None:
    assert await history.run("job", Run(1).run_id) is None
    assert await history.runs("job") == []
    assert await history.latest() == []


async def test_an_answer_that_must_be_newer_than_the_stream_is_of_its_end(history: History) -> None:
    """Whoever asks so knows the sequence of a stream that was lost."""
    run = Run(1)
    await history.publish(run.whole())
    assert [view.status for view in await history.latest(at_least=1_000_000)] == ["Success"]


async def test_a_query_nobody_can_read_is_refused(history: History) -> None:
    await history.latest()
    with pytest.raises(QueryRefused) as raised:
        await history.bus.ask(q.RUN, b'{"job_name": 5}')
    assert raised.value.code == 400


async def test_a_page_too_large_for_one_message_ends_earlier(history: History) -> None:
    runs = [Run(number) for number in range(150)]
    published = await asyncio.gather(
        *(history.bus.publish_event(run.initializing(arguments="x" * 7000)) for run in runs)
    )
    page = await history.runs("job", max(published))
    assert 100 < len(page) < 150
    rest = await history.runs("job", before=page[-1].run_id)
    assert [run.run_id for run in page + rest] == [run.run_id for run in reversed(runs)]


async def test_latest_runs_too_large_for_one_message_are_refused_and_may_be_asked_in_parts(
    history: History,
) -> None:
    runs = [Run(1, f"job-{number:03}") for number in range(150)]
    published = await asyncio.gather(
        *(history.bus.publish_event(run.initializing(arguments="x" * 7000)) for run in runs)
    )
    with pytest.raises(QueryRefused) as raised:
        await history.latest(at_least=max(published))
    assert raised.value.code == 413
    assert len(await history.latest([run.job for run in runs[:100]])) == 100
