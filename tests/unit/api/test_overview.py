"""The order, filters, pages and rows of the overview."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from unit.api.overview_facts import NOW, ago, continuous, failed, instance, run, success, summary, triggered
from webjobs_api.http.urls import Urls
from webjobs_api.overview.attention import attention_of, most_severe
from webjobs_api.overview.due_times import DueTimes
from webjobs_api.overview.errors import InvalidJobFilter
from webjobs_api.overview.overview_json import due_json, job_row, running_json
from webjobs_api.overview.selection import JobFilter, job_filter_of, page_of_jobs
from webjobs_rules.status import Status

URLS = Urls("http://h")
FAILING = summary(failed(ago(minutes=4)), "SF", failing_since=ago(minutes=4))
RUNNING = run(Status.RUNNING, ago(seconds=5))
WELL = summary(run(Status.SUCCESS, ago(minutes=4), ended_at=NOW), "S" * 30 + "AF" + "S")

JOBS = [
    triggered("never"),
    triggered("Failing", summary=FAILING),
    triggered("running", summary=summary(RUNNING, "S"), running=[RUNNING]),
    triggered("daily", summary=WELL, is_scheduled=True, next_due=NOW + timedelta(hours=3)),
    triggered("off", summary=WELL, definition={"settings": {"enabled": False}}),
    triggered("touched", summary=WELL, definition={"disabled": True}),
    continuous("up", instance(Status.RUNNING, ago(days=2))),
    continuous("loop", instance(Status.PENDING_RESTART, NOW, 5)),
    continuous("stopped", definition={"disabled": True}),
]
KINDS = most_severe(attention_of(JOBS, [], NOW))
IN_ORDER = ["loop", "Failing", "daily", "never", "off", "running", "stopped", "touched", "up"]


def names(**query: str) -> list[str]:
    page, _ = page_of_jobs(JOBS, job_filter_of(query), KINDS, NOW)
    return [job.definition.job_name for job in page]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, IN_ORDER),
        ({"filter": "failed"}, ["loop", "Failing"]),
        ({"filter": "RUNNING"}, ["running", "up"]),
        ({"filter": "disabled"}, ["off", "stopped"]),
        ({"filter": "scheduled"}, ["daily"]),
        ({"filter": "never_ran"}, ["never"]),
        ({"type": "continuous"}, ["loop", "stopped", "up"]),
        ({"text": " FAIL "}, ["Failing"]),
        ({"text": "o", "type": "continuous"}, ["loop", "stopped"]),
        ({"text": "nothing"}, []),
        ({"limit": "2"}, IN_ORDER[:2]),
    ],
)
def test_jobs_that_need_attention_come_first_then_by_name(query: dict[str, str], expected: list[str]) -> None:
    assert names(**query) == expected


def test_pages_hold_every_job_once_also_when_the_last_one_of_a_page_changes() -> None:
    seen, query = [], {"limit": "4"}
    while True:
        page, following = page_of_jobs(JOBS, job_filter_of(query), KINDS, NOW)
        seen += [job.definition.job_name for job in page]
        if following is None:
            break
        query["after"] = following
    assert seen == IN_ORDER
    assert names(after="1/triggered/Failing") == IN_ORDER[2:]
    assert names(after="7/triggered/gone") == IN_ORDER[3:]


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "broken"},
        {"type": "webjob"},
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "x"},
        {"limit": ""},
        {"filter": ""},
        {"after": ""},
        {"after": "Failing"},
        {"after": "1/triggered/a/b"},
        {"after": "x/triggered/Failing"},
        {"after": "1/other/Failing"},
        {"after": "1/triggered/"},
        {"text": "x" * 201},
    ],
)
def test_values_that_select_no_jobs_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidJobFilter) as error:
        job_filter_of(query)
    (name,) = query
    assert str(error.value).startswith(f"{name}=")


def test_without_parameters_every_job_is_selected() -> None:
    assert job_filter_of({}) == job_filter_of({"text": " "}) == JobFilter()


def test_the_row_of_a_triggered_job() -> None:
    latest = failed(ago(minutes=4), signal=None)
    facts = summary(
        latest,
        "S" * 60 + "A" + "F" * 20,
        streak=20,
        durations=[None, *range(24)],
        last_success=success(ago(hours=2)),
    )
    row = job_row(triggered(summary=facts, next_due=NOW), None, URLS)
    assert (row.status, row.results, row.success_rate) == (Status.FAILED, "F" * 20, 0.75)
    assert row.durations_ms == list(range(4, 24))
    assert (row.median_ms, row.p90_ms) == (12, 21)
    assert row.latest is not None and row.latest.exit_code == 3
    assert row.latest.url == f"http://h/api/jobs/triggered/job/history/{latest.run_id}"
    assert (row.next_due, row.instances, row.up_since) == (NOW, [], None)


def test_the_row_of_a_job_without_runs_and_of_a_continuous_one() -> None:
    row = job_row(triggered(), None, URLS)
    assert (row.status, row.latest, row.results, row.success_rate) == (None, None, "", None)
    views = [instance(Status.RUNNING, ago(days=1)), instance(Status.RUNNING, ago(days=2))]
    row = job_row(continuous("up", *views), None, URLS)
    assert (row.status, row.up_since, len(row.instances)) == (Status.RUNNING, ago(days=2), 2)
    assert msgspec.json.decode(msgspec.json.encode(row))["instances"][0]["crashes"] == 0


def test_a_run_that_runs_and_the_next_due_times() -> None:
    shown = running_json(RUNNING, None, None, URLS, NOW)
    assert (shown.elapsed_ms, shown.median_ms) == (5000, None)
    due = [triggered(str(hour), next_due=NOW + timedelta(hours=hour)) for hour in (3, 1, 2)]
    assert [each.job for each in due_json([*due, triggered()], 2, URLS)] == ["1", "2"]


async def test_due_times_are_computed_again_when_they_have_passed_or_settings_changed() -> None:
    due_times = DueTimes()

    def job(name: str, **settings: Any) -> Any:
        return triggered(name, definition={"settings": settings}).definition

    hourly, never = job("hourly", schedule="0 0 * * * *"), job("never")
    off, invalid = job("off", schedule="0 0 * * * *", enabled=False), job("invalid", schedule="x")
    jobs = [hourly, never, off, invalid]
    one = NOW + timedelta(hours=1)
    assert await due_times.next_of(jobs, None, NOW) == {"hourly": one}
    assert await due_times.next_of(jobs, None, one - timedelta(seconds=1)) == {"hourly": one}
    assert await due_times.next_of(jobs, None, one) == {"hourly": one + timedelta(hours=1)}
    daily = job("hourly", schedule="0 0 8 * * *")
    assert await due_times.next_of([daily], None, NOW) == {"hourly": NOW + timedelta(hours=20)}
    assert await due_times.next_of([daily], "Europe/Berlin", NOW) == {"hourly": NOW + timedelta(hours=19)}
    many = [job(f"{number:02}", schedule="0 30 * * * *") for number in range(30)]
    assert set((await due_times.next_of(many, None, NOW)).values()) == {NOW + timedelta(minutes=30)}
