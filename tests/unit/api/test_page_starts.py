"""The starts of a continuous job out of its events, and its uptime."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from webjobs_api.pages.starts import Start, starts_of
from webjobs_api.pages.uptime import label_of, up_time, uptime_of
from webjobs_events.events import (
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    InstanceLost,
)
from webjobs_events.queries import InstanceView
from webjobs_rules.job import JobName
from webjobs_rules.status import Reason, Status

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HERE, THERE = "327e1e", "aaaaaa"
_FACTS: dict[type, dict[str, Any]] = {
    ContinuousRunning: {"script": "run.sh"},
    ContinuousPendingRestart: {"reason": Reason.EXIT_CODE, "exit_code": 1, "restart_delay_seconds": 60},
    ContinuousStopping: {"reason": Reason.STOPPED, "grace_seconds": 5},
    ContinuousStopped: {"reason": Reason.STOPPED},
    ContinuousInactiveInstance: {"held_by": THERE},
}
_STEPS = {
    "init": ContinuousInitializing,
    "starting": ContinuousStarting,
    "running": ContinuousRunning,
    "pending": ContinuousPendingRestart,
    "stopping": ContinuousStopping,
    "stopped": ContinuousStopped,
    "standby": ContinuousInactiveInstance,
}


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def events(
    text: str, instance: str = HERE, boot: str = "1", **facts: Any
) -> list[ContinuousEvent | InstanceLost]:
    """Events such as `starting@1 running@2 lost@9`."""
    found: list[ContinuousEvent | InstanceLost] = []
    for number, word in enumerate(text.split()):
        step, _, seconds = word.partition("@")
        common: dict[str, Any] = {"at": at(float(seconds)), "boot": boot}
        if step == "lost":
            found.append(InstanceLost(instance=THERE, about_instance=instance, **common))
            continue
        kind = _STEPS[step]
        fields = _FACTS.get(kind, {}) | (facts if kind is ContinuousPendingRestart else {})
        job = {"job_name": JobName("worker"), "sequence": number, "digest": "d1", "instance": instance}
        found.append(kind(**common, **job, **fields))
    return found


def told(starts: list[Start]) -> list[tuple[Any, ...]]:
    """Instance, beginning and end in seconds, cause."""
    return [
        (
            start.instance,
            start.began and (start.began - BEGIN).total_seconds(),
            start.ended and (start.ended - BEGIN).total_seconds(),
            start.cause,
        )
        for start in starts
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("init@1 starting@2 running@3", [(HERE, 2, None, "")]),
        (
            "init@1 starting@2 running@3 pending@4 starting@64 running@65 pending@66",
            [(HERE, 2, 4, "exit code 1"), (HERE, 64, 66, "exit code 1")],
        ),
        ("starting@1 running@2 stopping@3 stopped@5", [(HERE, 1, 5, "stopped")]),
        ("starting@1 pending@2", [(HERE, 1, 2, "exit code 1")]),
        ("running@2 pending@4", [(HERE, None, 4, "exit code 1")]),
        ("stopping@2 stopped@4", [(HERE, None, 4, "stopped")]),
        ("stopped@4", []),
        ("standby@1 starting@2", [(HERE, 2, None, "")]),
        ("starting@1 running@2 lost@9", [(HERE, 1, 9, "runner lost")]),
        ("starting@1 running@2 lost@9 init@10 starting@11 running@12", [(HERE, 1, None, "")]),
        (
            "starting@1 running@2 lost@9 init@10 starting@11 running@12 pending@20",
            [(HERE, 1, 20, "exit code 1")],
        ),
        (
            "starting@1 running@2 pending@3 lost@9 init@10 starting@11 pending@12 starting@63",
            [(HERE, 1, 3, "exit code 1"), (HERE, 63, None, "")],
        ),
    ],
)
def test_starts_are_what_happened_and_no_status_that_is_published_again(
    text: str, expected: list[tuple[Any, ...]]
) -> None:
    starts = starts_of(events(text), [])
    assert told(starts) == expected
    assert [start.number for start in starts] == list(range(1, len(starts) + 1))


def test_a_start_of_an_earlier_boot_ends_with_the_next_one() -> None:
    found = starts_of(events("starting@1 running@2") + events("init@50 starting@51", boot="2"), [])
    assert told(found) == [(HERE, 1, 51, ""), (HERE, 51, None, "")]


def test_starts_of_several_instances_are_numbered_in_the_order_of_time() -> None:
    found = starts_of(events("starting@1 pending@9") + events("starting@5", THERE), [])
    assert [(start.number, start.instance) for start in found] == [(1, HERE), (2, THERE)]


def test_what_runs_since_before_the_events_is_a_start_too() -> None:
    views = [
        InstanceView(instance=name, status=status, since=at(-9), digest="d1")
        for name, status in ((HERE, Status.RUNNING), (THERE, Status.STOPPED))
    ]
    assert told(starts_of([], views)) == [(HERE, -9, None, "")]
    assert told(starts_of(events("pending@5"), views)) == [(HERE, None, 5, "exit code 1")]


@pytest.mark.parametrize(
    ("facts", "words", "is_crash"),
    [
        ({"exit_code": 1}, "start 1 · 1.0 s · exit code 1", True),
        ({"exit_code": 0}, "start 1 · 1.0 s · exit code 0", False),
        ({"reason": Reason.SIGNAL, "exit_code": None, "signal": 9}, "start 1 · 1.0 s · signal 9", True),
        (
            {"reason": Reason.START_ERROR, "exit_code": None},
            "start 1 · 1.0 s · start error",
            True,
        ),
    ],
)
def test_a_start_says_how_long_it_lasted_and_why_it_ended(
    facts: dict[str, Any], words: str, is_crash: bool
) -> None:
    (start,) = starts_of(events("starting@3 running@3.5 pending@4", **facts), [])
    assert (start.words, start.is_crash, start.restart_at) == (words, is_crash, at(64))


def test_uptime_counts_a_time_once_however_many_instances_are_up() -> None:
    found = starts_of(
        events("starting@0 pending@100 starting@160 pending@200") + events("starting@50 stopped@120", THERE),
        [],
    )
    assert up_time(found, BEGIN, BEGIN + DAY) == timedelta(seconds=160)
    assert up_time(found, at(60), at(180)) == timedelta(seconds=80)
    assert label_of(found, BEGIN, BEGIN + DAY) == "Up 2 m 40 s of the last 24 h: 3 starts, 2 of them crashed."
    assert label_of([], BEGIN, BEGIN + DAY) == "Not up in the last 24 h."


def test_an_instance_is_a_row_and_crashes_are_marks_however_many_there_are() -> None:
    text = " ".join(f"starting@{20 * each} pending@{20 * each + 1}" for each in range(4000))
    drawing = uptime_of(starts_of(events(text), []), BEGIN, BEGIN + DAY)
    assert [kind for kind, _ in drawing.paths] == ["Running", "Failed"]
    assert sum(len(path) for _, path in drawing.paths) < 20_000
    both = starts_of(events("starting@0") + events("starting@5", THERE), [])
    assert uptime_of(both, BEGIN, BEGIN + DAY).height == 2 * drawing.height
