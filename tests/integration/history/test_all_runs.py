"""A page of the runs of all jobs, out of Postgres."""

import re
from typing import Any

import pytest
from sqlalchemy import text
from support.history import History
from support.stories import Run, at
from webjobs_events import queries as q
from webjobs_events.queries import TriggerKind
from webjobs_history.all_runs import all_runs_statement
from webjobs_history.database import open_pool
from webjobs_rules.job import JobName
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import RUN_STATUSES, Status

pytestmark = pytest.mark.usefixtures("served")


def keys(answer: q.AllRuns) -> list[tuple[str, str]]:
    return [(run.job_name, run.run_id) for run in answer.runs]


async def some_runs(history: History) -> tuple[list[Run], int]:
    """Runs of two jobs at the same instants: one done, one failed, one running, one about to begin."""
    runs = [Run(number, job) for number in range(4) for job in ("b", "a")]
    events: list[Any] = []
    for place, run in enumerate(runs):
        events += [run.initializing(), run.running(), run.success(), run.failed()][: 1 + place // 2]
    events = [each for each in events if not (each.name == "Success" and each.run_id == runs[6].run_id)]
    return runs, await history.publish(events)


async def test_runs_of_all_jobs_come_newest_first_and_by_name_at_one_instant(history: History) -> None:
    runs, end = await some_runs(history)
    answer = await history.all_runs(end)
    assert keys(answer) == sorted(((run.job, run.run_id) for run in runs), key=lambda key: key[::-1])[::-1]
    assert not answer.has_more


async def test_pages_hold_every_run_once(history: History) -> None:
    runs, end = await some_runs(history)
    found, before, more = [], None, True
    while more:
        page = await history.all_runs(end, limit=3, before=before)
        assert len(page.runs) == 3 or not page.has_more
        found += keys(page)
        before, more = (page.runs[-1].job_name, page.runs[-1].run_id), page.has_more
    assert len(found) == len(set(found)) == len(runs)


FILTERS: list[tuple[dict[str, Any], int]] = [
    ({"statuses": [Status.INITIALIZING]}, 2),
    ({"statuses": [Status.INITIALIZING, Status.RUNNING]}, 4),
    ({"statuses": [Status.ABORTED]}, 0),
    ({"statuses": [Status.RUNNING], "job_names": ["a", "nobody's"]}, 1),
    ({"job_names": ["a"]}, 4),
    ({"instances": ["aaaaaa"]}, 8),
    ({"instances": ["bbbbbb"]}, 0),
    ({"since": run_id_at(at(2))}, 4),
    ({"until": run_id_at(at(1))}, 2),
    ({"since": run_id_at(at(1)), "until": run_id_at(at(3))}, 4),
    ({"triggers": [TriggerKind.API]}, 8),
    ({"triggers": [TriggerKind.SCHEDULE, TriggerKind.RERUN]}, 0),
]


async def test_filters(history: History) -> None:
    _, end = await some_runs(history)
    found = [(wanted, len((await history.all_runs(end, **wanted)).runs)) for wanted, _ in FILTERS]
    assert found == FILTERS


async def test_triggers_are_told_apart(history: History) -> None:
    of_schedule, again = Run(1), Run(2)
    end = await history.publish(
        [
            of_schedule.initializing(scheduled_for=at(1)),
            again.initializing(rerun_of=of_schedule.run_id),
            Run(3).initializing(),
        ]
    )
    for place, kind in enumerate([TriggerKind.SCHEDULE, TriggerKind.RERUN, TriggerKind.API]):
        answer = await history.all_runs(end, triggers=[kind])
        assert [run.run_id for run in answer.runs] == [Run(place + 1).run_id]
        assert TriggerKind.of(answer.runs[0]) is kind


async def test_the_answer_says_which_waiting_runs_have_begun_and_which_are_tried_again(
    history: History,
) -> None:
    begun, retried, other = Run(1, "a"), Run(2, "b"), Run(3, "c")
    following = run_id_at(at(9))
    end = await history.publish(
        [
            begun.initializing(),
            retried.initializing(),
            retried.failed(next_run_id=following, next_attempt_at=at(9)),
            other.initializing(),
            other.failed(next_run_id=following, next_attempt_at=at(9)),
        ]
    )
    waiting = [(JobName("a"), Run(7).run_id), (JobName("a"), begun.run_id), (JobName("d"), begun.run_id)]
    answer = await history.all_runs(end, waiting=waiting, queued=["a", "b"], statuses=[Status.ABORTED])
    assert (answer.runs, answer.begun) == ([], [1])
    assert [(run.job_name, run.next_run_id) for run in answer.retried] == [("b", following)]


@pytest.mark.parametrize(
    "wanted",
    [{}, {"statuses": [Status.RUNNING]}, {"statuses": [Status.RUNNING, Status.INITIALIZING]}],
)
async def test_a_page_reads_the_index_in_order_and_sorts_nothing(
    history: History, database_url: str, wanted: dict[str, Any]
) -> None:
    before = (JobName("a"), run_id_at(at(0)))
    statement, values = all_runs_statement(q.AllRunsQuery(before=before, **wanted), 100)
    async with open_pool(database_url, "test") as engine, engine.connect() as connection:
        await connection.exec_driver_sql("SET enable_seqscan = off")  # the table is small
        await connection.exec_driver_sql("SET enable_bitmapscan = off")
        explain = text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
        plan = "\n".join(row[0] for row in await connection.execute(explain, values))
    scans = len(wanted.get("statuses", RUN_STATUSES))
    assert len(re.findall(r"Index (?:Only )?Scan Backward using runs_by_status", plan)) == scans, plan
    assert not re.search(r"->\s+(?:Incremental )?Sort", plan), plan
