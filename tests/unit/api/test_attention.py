from datetime import datetime
from typing import Any

import pytest
from unit.api.overview_facts import (
    NOW,
    ago,
    continuous,
    failed,
    instance,
    run,
    success,
    summary,
    tick,
    triggered,
)
from webjobs_api.overview.attention import AttentionKind, attention_of, most_severe
from webjobs_api.overview.job_facts import JobFacts
from webjobs_events.events import TickOutcome
from webjobs_events.refusal import Refusal
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason, Status

FAILED = failed(ago(minutes=4))
KILLED = failed(ago(minutes=4), reason=Reason.SIGNAL, exit_code=None, signal=9)
TIMED_OUT = failed(ago(minutes=4), reason=Reason.MAX_DURATION, exit_code=None, evidence="It ran 60 s. ")
NOT_STARTED = failed(ago(minutes=4), reason=Reason.MISSING_INTERPRETER, exit_code=None)
RUNS_AGAIN = run(Status.RUNNING, ago(minutes=1))
SINCE = {"failing_since": ago(minutes=9)}
BEFORE = {"last_success": success(ago(hours=2, minutes=50))}
OVERDUE = run(Status.RUNNING, ago(minutes=5))
AT_EIGHT = {"definition": {"settings": {"schedule": "0 0 8 * * *"}}, "is_scheduled": True}

# A job, the kinds and sentences of its attention, and since when.
CASES: list[tuple[str, JobFacts, list[tuple[str, str, datetime | None]]]] = [
    ("never ran", triggered(), []),
    ("success", triggered(summary=summary(run(Status.SUCCESS, ago(minutes=4)), "FFS")), []),
    ("aborted", triggered(summary=summary(run(Status.ABORTED, ago(minutes=4)), "SFA")), []),
    (
        "first run failed",
        triggered(summary=summary(FAILED, "F", **SINCE)),
        [("failed", "Exit code 3; no success yet.", ago(minutes=9))],
    ),
    (
        "failed for the third time",
        triggered(summary=summary(FAILED, "SFFF", streak=3, **SINCE, **BEFORE)),
        [("failed", "Exit code 3, third time in a row; last success 2 h ago.", ago(minutes=9))],
    ),
    (
        "failed for long",
        triggered(summary=summary(KILLED, "F" * 100, streak=122, **SINCE)),
        [("failed", "Signal 9, 122nd time in a row; no success yet.", ago(minutes=9))],
    ),
    (
        "timed out",
        triggered(summary=summary(TIMED_OUT, "F", **SINCE)),
        [("failed", "It ran 60 s; no success yet.", ago(minutes=9))],
    ),
    (
        "no evidence",
        triggered(summary=summary(NOT_STARTED, "F", **SINCE)),
        [("failed", "Missing interpreter; no success yet.", ago(minutes=9))],
    ),
    (
        "runs again after failures",
        triggered(summary=summary(RUNS_AGAIN, "FF", streak=2, **SINCE, **BEFORE)),
        [("failed", "The last 2 runs failed; last success 2 h ago.", ago(minutes=9))],
    ),
    (
        "crash loop",
        continuous("job", instance(Status.PENDING_RESTART, ago(seconds=9), 14, exit_code=1)),
        [
            (
                "crash_loop",
                "Crash loop on aaaaaa: 14 crashes in a row, each soon after the start; exit code 1.",
                ago(minutes=30),
            )
        ],
    ),
    (
        "started again in a crash loop",
        continuous("job", instance(Status.RUNNING, ago(seconds=119), 3, evidence="Killed.")),
        [
            (
                "crash_loop",
                "Crash loop on aaaaaa: 3 crashes in a row, each soon after the start; Killed.",
                ago(minutes=30),
            )
        ],
    ),
    ("survived its crash loop", continuous("job", instance(Status.RUNNING, ago(seconds=120), 14)), []),
    ("crashed twice", continuous("job", instance(Status.PENDING_RESTART, ago(seconds=9), 2)), []),
    (
        "refused settings",
        triggered(definition={"settings": {"schedule": 5}}, refused_since=ago(days=1)),
        [("refused", "", ago(days=1))],
    ),
    (
        "long run",
        triggered(running=[OVERDUE], summary=summary(OVERDUE, "S", durations=[90_000])),
        [("long_run", "Running for 5 m 00 s; half of its runs took at most 1 m 30 s.", ago(minutes=5))],
    ),
    (
        "run of usual length",
        triggered(running=[OVERDUE], summary=summary(OVERDUE, "S", durations=[100_000])),
        [],
    ),
    ("run without a median", triggered(running=[OVERDUE], summary=summary(OVERDUE, "")), []),
    (
        "short run of a job with shorter runs",
        triggered(
            running=[short := run(Status.RUNNING, ago(seconds=9))], summary=summary(short, "S", durations=[5])
        ),
        [],
    ),
    (
        "missed",
        triggered(**AT_EIGHT, tick=tick(TickOutcome.MISSED, count=3, reason="Too late.")),
        [("missed", "3 due times were missed. Too late.", ago(minutes=7))],
    ),
    (
        "skipped",
        triggered(**AT_EIGHT, tick=tick(TickOutcome.SKIPPED, reason="Run 1 was not over.")),
        [("skipped", "A due time was skipped. Run 1 was not over.", ago(minutes=7))],
    ),
    ("ran", triggered(**AT_EIGHT, tick=tick(TickOutcome.RAN)), []),
    ("merged", triggered(**AT_EIGHT, tick=tick(TickOutcome.MERGED, count=9)), []),
    ("skipped before the schedule was removed", triggered(tick=tick(TickOutcome.SKIPPED)), []),
]


@pytest.mark.parametrize(("job", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_needs_attention_and_why(
    job: JobFacts, expected: list[tuple[str, str, datetime | None]]
) -> None:
    found = attention_of([job], [], NOW)
    shown = [
        (each.kind, each.sentence.text(NOW) if each.kind != "refused" else "", each.since) for each in found
    ]
    assert shown == expected
    assert all(each.job == "job" for each in found)


def test_attention_names_the_run_it_is_about() -> None:
    jobs = [
        triggered("a", summary=summary(FAILED, "F", **SINCE)),
        triggered("b", summary=summary(RUNS_AGAIN, "F", **SINCE)),
        triggered("c", running=[OVERDUE], summary=summary(OVERDUE, "S", durations=[1])),
    ]
    found = {each.job: each.run_id for each in attention_of(jobs, [], NOW)}
    assert found == {"a": FAILED.run_id, "b": None, "c": OVERDUE.run_id}


def test_a_refusal_is_that_of_its_job_or_of_a_folder_that_is_none() -> None:
    job = triggered("known", definition={"settings": {"schedule": 5}}, refused_since=ago(hours=1))
    refusals = [refusal("known", "aaaaaa"), refusal("folder..", "aaaaaa"), refusal("folder..", "bbbbbb")]
    found = attention_of([job], refusals, NOW)
    assert [(each.job, each.kind, each.since) for each in found] == [
        ("known", AttentionKind.REFUSED, ago(hours=1)),
        ("folder..", AttentionKind.REFUSED, ago(hours=3)),
    ]
    assert found[1].sentence.text(NOW) == "Two dots."


def refusal(folder: str, runner: str) -> Refusal:
    return Refusal(
        job_type=JobType.TRIGGERED, folder_name=folder, reason="Two dots.", at=ago(hours=3), instance=runner
    )


def test_skipped_due_times_are_no_news_while_all_schedules_are_held_back() -> None:
    for outcome, expected in ((TickOutcome.SKIPPED, []), (TickOutcome.MISSED, ["missed"])):
        job = triggered(**AT_EIGHT, tick=tick(outcome))
        found = attention_of([job], [], NOW, schedules_held_back=True)
        assert [each.kind for each in found] == expected


def test_the_most_severe_comes_first_and_among_equals_the_newest() -> None:
    def failing(name: str, since: datetime, **facts: Any) -> JobFacts:
        return triggered(name, summary=summary(FAILED, "F", failing_since=since), **facts)

    jobs = [
        failing("old", ago(days=3)),
        failing("new", ago(hours=1), **AT_EIGHT | {"definition": None}, tick=tick(TickOutcome.SKIPPED)),
        continuous("loop", instance(Status.PENDING_RESTART, NOW, 3)),
        triggered("missed", **AT_EIGHT, tick=tick(TickOutcome.MISSED)),
    ]
    found = attention_of(jobs, [refusal("folder", "aaaaaa")], NOW)
    assert [(each.kind, each.job) for each in found] == [
        ("crash_loop", "loop"),
        ("failed", "new"),
        ("failed", "old"),
        ("refused", "folder"),
        ("missed", "missed"),
        ("skipped", "new"),
    ]
    assert most_severe(reversed(found))["triggered", "new"] is AttentionKind.FAILED
