"""Which events give an acknowledgement, and which end it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.stories import Instance, Run, acknowledged, at, withdrawn
from webjobs_events.events import (
    Acknowledged,
    Covered,
    Deleted,
    Deployed,
    DeployFailed,
    Event,
    ScheduleTicked,
    SettingsChanged,
    Term,
    TickOutcome,
)
from webjobs_history.domain.fold import Fold, keys_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason

KINDS = ("crash_loop", "failed", "long_run", "missed", "refused", "skipped")


def given(kinds: Sequence[str] = KINDS, job: str = "job", number: int = 1, **changes: Any) -> Acknowledged:
    covers = [Covered(kind=kind, evidence=kind.upper(), text="Why.") for kind in kinds]
    return acknowledged(number, job, covers=covers, **({"term": Term.FOREVER} | changes))


def ticked(outcome: TickOutcome) -> ScheduleTicked:
    return ScheduleTicked(
        at=at(60),
        instance="327e1e",
        job_name=JobName("job"),
        due=at(59),
        outcome=outcome,
        schedule="* * * * * *",
        time_zone="UTC",
    )


def job_event(kind: type, job_type: JobType = JobType.TRIGGERED, **facts: Any) -> Event:
    known = {"at": at(60), "instance": "327e1e", "job_type": job_type, "job_name": "job"}
    event: Event = kind(**known, revision=1, cause="test", **facts)
    return event


CHANGED: dict[str, Any] = {"digest": "d1", "script": "run.sh", "settings": {}, "disabled": False}


def left_after(events: Sequence[Event]) -> list[str]:
    fold = Fold()
    for event in events:
        fold.apply(event)
    assert fold.dropped_acknowledgements.isdisjoint(
        (row.job_type, row.job_name, row.kind) for row in fold.acknowledgements_to_put
    )
    return sorted(row.kind for row in fold.acknowledgements_to_put)


def test_a_row_says_what_its_event_says() -> None:
    fold = Fold()
    fold.apply(given(["failed"], note="Known.", term=Term.INSTANT, until=at(99)))
    (row,) = fold.acknowledgements_to_put
    assert (row.job_type, row.job_name, row.kind) == (JobType.TRIGGERED, "job", "failed")
    assert (row.acknowledgement_id, row.at, row.by, row.note) == ("a1", at(1), "ada", "Known.")
    assert (row.term, row.until, row.evidence, row.text) == (Term.INSTANT, at(99), "FAILED", "Why.")


@pytest.mark.parametrize(
    ("events", "ended"),
    [
        ([Run(1).initializing(), Run(1).running(), Run(1).success()], ["failed", "long_run"]),
        ([Run(1).initializing(), Run(1).running(), Run(1).failed()], []),
        ([Run(1).success()], []),  # of a run that never began
        ([ticked(TickOutcome.RAN)], ["missed", "skipped"]),
        ([ticked(TickOutcome.SKIPPED), ticked(TickOutcome.MISSED), ticked(TickOutcome.MERGED)], []),
        ([job_event(Deployed, **CHANGED)], ["refused"]),
        ([job_event(SettingsChanged, **CHANGED)], ["refused"]),
        ([job_event(DeployFailed, reason="No.")], []),
        ([job_event(Deployed, JobType.CONTINUOUS, **CHANGED)], []),
        ([job_event(Deleted)], list(KINDS)),
        ([job_event(Deleted, JobType.CONTINUOUS)], []),
        ([withdrawn(1)], list(KINDS)),
        ([withdrawn(2), withdrawn(1, "another")], []),
        ([given(["failed"], number=2), withdrawn(1)], sorted(set(KINDS) - {"failed"})),
        ([given(["failed"], number=2), withdrawn(2)], ["failed"]),
    ],
)
def test_what_ends_an_acknowledgement(events: Sequence[Event], ended: Sequence[str]) -> None:
    assert left_after([given(), *events]) == sorted(set(KINDS) - set(ended))


RUNS = [Run(number) for number in range(2)]


@pytest.mark.parametrize(
    ("term", "evidence", "exit_code", "is_over"),
    [
        (Term.CHANGE, "exit_code 1", 1, False),
        (Term.CHANGE, "exit_code 1", 2, True),
        (Term.CHANGE, "", 2, False),
        (Term.INSTANT, "exit_code 1", 2, False),
        (Term.FOREVER, "exit_code 1", 2, False),
    ],
)
def test_until_it_changes_ends_when_a_run_or_a_process_fails_in_another_way(
    term: Term, evidence: str, exit_code: int, is_over: bool
) -> None:
    """For good: while the next run goes on, the overview does not know how the last one failed."""
    process = Instance()
    for job_type, kind, before, after in (
        (
            JobType.TRIGGERED,
            "failed",
            [],
            [
                RUNS[0].initializing(),
                RUNS[0].running(),
                RUNS[0].failed(exit_code=exit_code, reason=Reason.EXIT_CODE),
                RUNS[1].initializing(),
            ],
        ),
        (
            JobType.CONTINUOUS,
            "crash_loop",
            [process.initializing(0), process.starting(1), process.running(2)],
            [process.pending_restart(3, exit_code=exit_code, reason=Reason.EXIT_CODE), process.starting(4)],
        ),
    ):
        covers = [Covered(kind=kind, evidence=evidence, text="Why.")]
        story = [*before, acknowledged(1, job_type=job_type, covers=covers, term=term), *after]
        assert left_after(story) == ([] if is_over else [kind])


@pytest.mark.parametrize(
    ("ends", "is_over"),
    [
        (lambda job: [job.running(3), job.pending_restart(4)], False),
        (lambda job: [job.running(3), job.pending_restart(4, exit_code=0)], True),
        (lambda job: [job.running(3), job.pending_restart(3 + 121)], True),
        (lambda job: [job.stopping(3), job.stopped(4), job.initializing(5)], False),
    ],
)
def test_a_crash_loop_is_over_when_a_process_did_what_it_should(
    ends: Callable[[Instance], list[Event]], is_over: bool
) -> None:
    job = Instance()
    story = [
        job.initializing(0),
        job.starting(1),
        given(["crash_loop"], job_type=JobType.CONTINUOUS),
        *ends(job),
    ]
    assert left_after(story) == ([] if is_over else ["crash_loop"])


def test_the_rows_are_loaded_that_a_batch_can_end() -> None:
    keys = keys_of([Run(1).success(), given(job="other"), Instance().running(1), job_event(Deleted)])
    assert keys.acknowledged == {
        (JobType.TRIGGERED, "job"),
        (JobType.TRIGGERED, "other"),
        (JobType.CONTINUOUS, Instance().running(1).job_name),
    }
