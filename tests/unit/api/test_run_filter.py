"""Which of the runs of all jobs are asked for, and how a page is put together."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from webjobs_api.backends.run_filter import RunFilter, cursor_of, key_of, run_filter_of
from webjobs_api.http.run_errors import InvalidRunFilter
from webjobs_events.queries import AllRuns, RunView, TriggerKind
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def run(number: int, job: str = "a", status: Status = Status.SUCCESS, **facts: Any) -> RunView:
    return RunView(
        job_name=JobName(job),
        run_id=RunId(f"20260102{number:010d}"),
        status=status,
        trigger="External - tests",
        digest="d1",
        instance=facts.pop("instance", "327e1e"),
        requested_at=NOW,
        **facts,
    )


def history(*runs: RunView, has_more: bool = False) -> AllRuns:
    return AllRuns(position=1, runs=list(runs), has_more=has_more, begun=[], retried=[])


def ids(runs: Sequence[RunView]) -> list[tuple[str, int]]:
    return [(each.job_name, int(each.run_id[8:])) for each in runs]


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        (["Running"], {Status.RUNNING}),
        (["running,FAILED"], {Status.RUNNING, Status.FAILED}),
        (["Running", "Aborted, Success"], {Status.RUNNING, Status.ABORTED, Status.SUCCESS}),
        (["active"], {Status.INITIALIZING, Status.RUNNING}),
        ([], set()),
    ],
)
def test_statuses_may_be_repeated_or_listed(given: list[str], statuses: set[Status]) -> None:
    assert run_filter_of({"status": given}).statuses == statuses


@pytest.mark.parametrize(
    ("since", "first"),
    [
        ("2026-01-02T03:04:05Z", "202601020304050000"),
        ("2026-01-02T03:04:05", "202601020304050000"),
        ("2026-01-02", "202601020000000000"),
        ("2026-01-02T03:04:05.1234+02:00", "202601020104051234"),
        ("2026-01-02T03:04:05 02:00", "202601020104050000"),
        ("2026-01-02T03:04:05.00005Z", "202601020304050001"),
    ],
)
def test_an_instant_is_the_first_run_id_from_then_on(since: str, first: str) -> None:
    assert run_filter_of({"since": [since]}).since == first


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("status", "Runing", "Initializing, Running, Success, Failed, Aborted, active"),
        ("status", "", "active"),
        ("status", "Running,Stopped", "Initializing, Running, Success"),
        ("trigger", "cron", "api, schedule, rerun"),
        ("type", "continuous", "triggered"),
        ("runner", "host-1", "6 hexadecimal digits"),
        ("job", "a/b", "path separator"),
        ("since", "yesterday", "2026-01-02T03:04:05Z"),
        ("until", "0001-01-01T00:00:00+14:00", "2026-01-02T03:04:05Z"),
        ("limit", "0", "1 to 1000"),
        ("limit", "1001", "1 to 1000"),
        ("limit", "ten", "1 to 1000"),
        ("before", "20260102", "18 digits"),
        ("before", "202601020304050000/a\0b", "18 digits"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(name: str, value: str, allowed: str) -> None:
    with pytest.raises(InvalidRunFilter) as error:
        run_filter_of({name: [value]})
    assert f"{name}=" in str(error.value) and allowed in str(error.value)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (RunFilter(), True),
        (RunFilter(statuses=frozenset({Status.RUNNING})), False),
        (RunFilter(job_names=frozenset({JobName("b")})), False),
        (RunFilter(triggers=frozenset({TriggerKind.API})), True),
        (RunFilter(triggers=frozenset({TriggerKind.SCHEDULE, TriggerKind.RERUN})), False),
        (RunFilter(instances=frozenset({"abcdef"})), False),
        (RunFilter(since="202601020000000005"), True),
        (RunFilter(since="202601020000000006"), False),
        (RunFilter(until="202601020000000005"), False),
        (RunFilter(before=(JobName("b"), RunId("202601020000000005"))), True),
        (RunFilter(before=(JobName("a"), RunId("202601020000000005"))), False),
        (RunFilter(before=(JobName(""), RunId("202601020000000005"))), False),
    ],
)
def test_every_filter_counts(wanted: RunFilter, passes: bool) -> None:
    assert wanted.passes(run(5)) is passes


def test_a_run_has_the_trigger_that_started_it_first() -> None:
    assert TriggerKind.of(run(1)) is TriggerKind.API
    assert TriggerKind.of(run(1, scheduled_for=NOW)) is TriggerKind.SCHEDULE
    assert TriggerKind.of(run(1, rerun_of=RunId("202601020000000000"))) is TriggerKind.RERUN


def test_runs_that_are_about_to_begin_are_among_the_others() -> None:
    page = RunFilter(limit=3).page(history(run(5), run(1)), [run(3, "b", Status.INITIALIZING)])
    assert ids(page.runs) == [("a", 5), ("b", 3), ("a", 1)] and page.next is None


def test_two_jobs_may_share_a_run_id_and_a_page_may_end_between_them() -> None:
    wanted = RunFilter(limit=1)
    first = wanted.page(history(run(5, "b"), has_more=True), [])
    assert first.next is not None and cursor_of(first.next) == f"{run(5).run_id}/b"
    rest = run_filter_of({"before": [cursor_of(first.next)]})
    assert rest.passes(run(5, "a")) and not rest.passes(run(5, "b")) and not rest.passes(run(5, "c"))


def test_a_waiting_run_is_left_to_the_page_on_which_its_place_is() -> None:
    page = RunFilter(limit=2).page(history(run(9), run(8), has_more=True), [run(3, "b", Status.INITIALIZING)])
    assert ids(page.runs) == [("a", 9), ("a", 8)] and page.next == key_of(run(8))
    cut = RunFilter(limit=5).page(history(run(9), has_more=True), [run(3, "b", Status.INITIALIZING)])
    assert ids(cut.runs) == [("a", 9)] and cut.next == key_of(run(9))


def test_waiting_runs_alone_fill_pages_too() -> None:
    waiting = [run(number, "b", Status.INITIALIZING) for number in range(5)]
    page = RunFilter(limit=3).page(history(), waiting)
    assert ids(page.runs) == [("b", 4), ("b", 3), ("b", 2)] and page.next == key_of(waiting[2])
