from functools import partial

import pytest
from support.stories import (
    BOOT_A,
    BOOT_B,
    Instance,
    Run,
    at,
    deleted,
    purged,
    removed,
    runner,
)
from webjobs_events.events import (
    Event,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    RunImported,
    RunProgressed,
)
from webjobs_events.queries import RunView
from webjobs_history.domain.fold import Fold
from webjobs_history.domain.rows import InstanceRow
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason, Status

JOB = JobName("job")


def folded(*events: Event) -> Fold:
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold


def run_after(run: Run, *events: Event) -> RunView:
    found = folded(*events).run(run.job, run.run_id)
    assert found is not None
    return found


def row_after(*events: Event, instance: str = "aaaaaa") -> InstanceRow:
    found = folded(*events).instance(JOB, instance)
    assert found is not None
    return found


# Runs


def test_a_run_is_known_from_its_first_event() -> None:
    run = Run(0)
    view = run_after(run, run.initializing(arguments="a b"))
    assert (view.status, view.trigger, view.arguments) == (Status.INITIALIZING, "External - curl/8.5", "a b")
    assert view.started_at is view.ended_at is view.reason is None


def test_a_run_knows_how_large_its_logs_are_once_it_has_ended() -> None:
    run = Run(0)
    sizes = {"output_log_bytes": 4711, "error_log_bytes": 217, "dropped_lines": 3}
    view = run_after(run, run.initializing(), run.failed(3, **sizes))
    assert {name: getattr(view, name) for name in sizes} == sizes
    unknown = run_after(run, run.initializing(), run.failed(3))
    assert unknown.output_log_bytes is unknown.error_log_bytes is unknown.dropped_lines is None


def test_a_run_knows_what_it_used_once_it_has_ended() -> None:
    run = Run(0)
    usage = {"cpu_seconds": 1.25, "peak_memory_bytes": 9_000_000_000, "log_lines": 12, "first_error_line": 7}
    for event in (run.success, run.aborted, partial(run.failed, 3)):
        view = run_after(run, run.initializing(), event(**usage))
        assert {name: getattr(view, name) for name in usage} == usage
        unknown = run_after(run, run.initializing(), event())
        assert [getattr(unknown, name) for name in usage] == [None] * 4


def test_a_run_knows_what_its_script_reports() -> None:
    run = Run(0)
    step = partial(RunProgressed, at=at(2), instance="aaaaaa", job_name=run.job, run_id=run.run_id)
    begun = run.initializing(), run.running()
    view = run_after(run, *begun, step(number=1, progress=0.1), step(number=2, progress=0.4, text="a"))
    assert (view.progress, view.progress_text, view.status) == (0.4, "a", Status.RUNNING)
    reported = {"result": {"rows": [1, "\0"]}, "result_bytes": 30, "warnings": ["w"]}
    ended = run_after(run, *begun, step(number=1, progress=0.1), run.failed(3, **reported))
    assert (ended.result, ended.result_bytes, ended.warnings) == ('{"rows":[1,"\\u0000"]}', 30, ["w"])
    assert ended.progress == 0.1
    end = run.success(progress=0.9, progress_text="b")
    of_another = step(number=1, attempt=2, progress=0.3)
    late = run_after(run, *begun, of_another, end, step(number=9, progress=0.2))
    assert (late.progress, late.progress_text, late.status) == (0.9, "b", Status.SUCCESS)


def test_a_run_knows_what_led_to_it_and_what_follows_it() -> None:
    run, before, next_one, first = Run(2), Run(0), Run(9), Run(1)
    links = {"retry_of": before.run_id, "rerun_of": first.run_id, "scheduled_for": at(0)}
    begun = run_after(run, run.initializing(2, **links))
    assert (begun.retry_of, begun.rerun_of, begun.scheduled_for) == (before.run_id, first.run_id, at(0))
    assert begun.next_run_id is begun.next_attempt_at is None
    next_attempt = {"next_run_id": next_one.run_id, "next_attempt_at": at(9)}
    ended = run_after(run, run.initializing(2, **links), run.failed(3, **next_attempt))
    assert (ended.next_run_id, ended.next_attempt_at) == (next_one.run_id, at(9))
    assert (ended.retry_of, ended.rerun_of, ended.scheduled_for) == (before.run_id, first.run_id, at(0))


def test_a_run_starts_with_its_process() -> None:
    run = Run(0)
    view = run_after(run, run.initializing(0), run.running(1))
    assert (view.status, view.started_at) == (Status.RUNNING, at(1))


def test_a_run_ends_with_reason_and_evidence() -> None:
    run = Run(0)
    view = run_after(
        run,
        run.initializing(),
        run.running(1),
        run.failed(5, exit_code=None, signal=9, reason=Reason.SIGNAL, evidence="Killed.", has_error_log=True),
    )
    assert (view.status, view.ended_at, view.signal) == (Status.FAILED, at(5), 9)
    assert (view.reason, view.evidence, view.has_error_log) == (Reason.SIGNAL, "Killed.", True)


def test_a_run_that_never_started_takes_no_start_from_nowhere() -> None:
    run = Run(0)
    view = run_after(run, run.initializing(), run.failed(3, reason=Reason.MISSING_INTERPRETER))
    assert (view.started_at, view.ended_at) == (None, at(3))


@pytest.mark.parametrize("late", ["initializing", "running", "success", "failed", "aborted"])
@pytest.mark.parametrize("end", ["success", "failed", "aborted"])
def test_an_ended_run_never_changes(end: str, late: str) -> None:
    run = Run(0)
    lived = [run.initializing(), run.running(), getattr(run, end)(5)]
    fold = folded(*lived, getattr(run, late)(9))
    assert fold.run(run.job, run.run_id) == run_after(run, *lived)
    assert fold.refused == 1


def test_a_late_result_of_a_lost_runner_is_refused() -> None:
    run = Run(0)
    view = run_after(
        run, run.initializing(), run.running(), run.aborted(5, instance="bbbbbb"), run.success(9)
    )
    assert (view.status, view.reason, view.instance) == (Status.ABORTED, Reason.RUNNER_LOST, "aaaaaa")


def test_events_of_another_attempt_are_refused() -> None:
    run, second = Run(0), Run(0, attempt=2)
    fold = folded(run.initializing(), second.running(), second.success())
    assert fold.refused == 2
    assert run_after(run, run.initializing(), second.running()).status is Status.INITIALIZING


@pytest.mark.parametrize("event", ["running", "success", "failed", "aborted"])
def test_a_run_nobody_took_cannot_go_on(event: str) -> None:
    run = Run(0)
    fold = folded(getattr(run, event)())
    assert fold.run(run.job, run.run_id) is None
    assert fold.refused == 1


@pytest.mark.parametrize("ended", [-100, -1, 0, 0.5, 1])
def test_a_run_never_ends_before_its_start_whatever_the_clocks_say(ended: float) -> None:
    run = Run(0)
    view = run_after(run, run.initializing(0), run.running(1), run.aborted(ended))
    assert view.ended_at == view.started_at == at(1)


def test_a_run_that_never_started_never_ends_before_it_was_asked_for() -> None:
    run = Run(0)
    assert run_after(run, run.initializing(0), run.aborted(-3)).ended_at == at(0)


def test_the_start_told_first_stays() -> None:
    run = Run(0)
    view = run_after(run, run.initializing(0), run.running(1), run.success(5, started_at=at(2)))
    assert view.started_at == at(1)


def test_the_start_is_learnt_from_the_end_if_nothing_told_it_before() -> None:
    run = Run(0)
    view = run_after(run, run.initializing(0), run.success(5, started_at=at(2)))
    assert (view.started_at, view.ended_at) == (at(2), at(5))


# Jobs, retention, deletion


def test_the_latest_run_is_the_one_with_the_greatest_id_not_the_one_told_last() -> None:
    first, second = Run(1), Run(2)
    fold = folded(second.initializing(), first.initializing(), first.failed())
    (job,) = fold.jobs_to_put
    assert job.run_count == 2
    assert job.latest_run is not None and job.latest_run.run_id == second.run_id


def test_the_latest_run_follows_its_changes() -> None:
    run = Run(1)
    (job,) = folded(*run.whole()).jobs_to_put
    assert job.latest_run is not None and job.latest_run.status is Status.SUCCESS
    assert job.run_count == 1


def test_purged_runs_are_dropped_and_counted() -> None:
    old, new = Run(1), Run(2)
    fold = folded(*old.whole(), *new.whole(), purged([old.run_id]))
    (job,) = fold.jobs_to_put
    assert job.run_count == 1
    assert fold.run(JOB, old.run_id) is None
    assert fold.dropped_runs == {(JOB, old.run_id)}


def test_retention_never_touches_a_run_that_has_not_ended() -> None:
    run = Run(1)
    fold = folded(run.initializing(), run.running(), purged([run.run_id]))
    assert fold.run(JOB, run.run_id) is not None
    assert not fold.dropped_runs


def test_a_repeated_purge_counts_once() -> None:
    old, new = Run(1), Run(2)
    fold = folded(*old.whole(), *new.whole(), *[purged([old.run_id, old.run_id])] * 2)
    assert [job.run_count for job in fold.jobs_to_put] == [1]


def test_a_purge_of_the_latest_run_asks_the_stored_runs_for_the_one_before() -> None:
    old, new = Run(1), Run(2)
    fold = folded(*old.whole(), *new.whole(), purged([new.run_id]))
    assert fold.headless == {JOB}


def test_a_deleted_job_loses_its_runs() -> None:
    run = Run(1)
    fold = folded(*run.whole(), deleted())
    assert fold.dropped_jobs == {JOB}
    assert not fold.runs_to_put and not fold.jobs_to_put


def test_a_job_made_anew_after_its_deletion_starts_with_an_empty_history() -> None:
    old, new = Run(1), Run(2)
    fold = folded(*old.whole(), deleted(), *new.whole())
    assert [run.run_id for run in fold.runs_to_put] == [new.run_id]
    assert [job.run_count for job in fold.jobs_to_put] == [1]


def test_a_late_event_of_a_deleted_job_brings_nothing_back() -> None:
    run = Run(1)
    fold = folded(run.initializing(), run.running(), deleted(), run.aborted())
    assert not fold.runs_to_put
    assert fold.refused == 1


def test_deleting_a_continuous_job_leaves_the_triggered_job_of_that_name_alone() -> None:
    run = Run(1)
    assert folded(*run.whole(), deleted(job_type=JobType.CONTINUOUS)).runs_to_put


def test_a_removed_job_keeps_its_history() -> None:
    run = Run(1)
    assert folded(*run.whole(), removed()).runs_to_put


# Continuous jobs


def test_each_event_enters_its_status() -> None:
    job = Instance()
    fold = Fold()
    entered = []
    for event in [
        job.initializing(),
        job.starting(),
        job.running(),
        job.pending_restart(),
        job.starting(),
        job.running(),
        job.stopping(),
        job.stopped(),
        job.inactive(),
    ]:
        fold.apply(event)
        row = fold.instance(JOB, "aaaaaa")
        assert row is not None
        entered.append(row.status.value)
    assert entered == (
        "Initializing Starting Running PendingRestart Starting Running Stopping Stopped InactiveInstance"
    ).split(" ")
    assert fold.refused == 0


def test_an_ended_process_tells_why_until_the_next_start() -> None:
    job = Instance()
    lived = [job.initializing(), job.starting(), job.running(), job.pending_restart(evidence="Exit code 1.")]
    row = row_after(*lived)
    assert (row.reason, row.exit_code, row.evidence) == (Reason.EXIT_CODE, 1, "Exit code 1.")
    row = row_after(*lived, job.starting())
    assert (row.reason, row.exit_code, row.evidence) == (None, None, "")


def test_a_standby_names_the_holder_of_the_singleton() -> None:
    job = Instance()
    assert "bbbbbb" in row_after(job.initializing(), job.inactive()).evidence


def test_a_repeated_event_is_refused() -> None:
    job = Instance()
    stopped = job.initializing()
    again = [stopped, job.starting(), job.running(), job.stopping(), job.stopped(), stopped]
    fold = folded(*again)
    assert fold.refused == 1
    assert row_after(*again).status is Status.STOPPED


def test_events_of_a_superseded_boot_are_refused() -> None:
    old, new = Instance(), Instance(boot=BOOT_B)
    fold = folded(
        old.initializing(), old.starting(), new.initializing(), old.running(), old.pending_restart()
    )
    assert fold.refused == 2


def test_a_boot_whose_clock_was_set_back_is_heard() -> None:
    old, new = Instance(boot=BOOT_B), Instance(boot=BOOT_A)
    row = row_after(old.initializing(), old.starting(), new.initializing(), new.starting())
    assert (row.boot, row.status) == (BOOT_A, Status.STARTING)


@pytest.mark.parametrize("drop", [removed, deleted])
def test_a_removed_or_deleted_job_is_no_longer_told_of(drop: object) -> None:
    job = Instance()
    fold = folded(job.initializing(), drop(job_type=JobType.CONTINUOUS), job.stopped())  # type: ignore[operator]
    assert not fold.instances_to_put
    assert fold.dropped_instance_jobs == {JOB}


# Runners


@pytest.mark.parametrize(
    ("kind", "boot", "reason"),
    [
        (InstanceStarted, BOOT_B, Reason.RUNNER_LOST),
        (InstanceStopped, BOOT_A, Reason.HOST_SHUTDOWN),
        (InstanceLost, BOOT_A, Reason.RUNNER_LOST),
        (InstanceLost, BOOT_B, Reason.RUNNER_LOST),
    ],
)
def test_a_runner_that_is_gone_stops_its_jobs(kind: type[InstanceStarted], boot: str, reason: Reason) -> None:
    job, elsewhere = Instance(), Instance("bbbbbb")
    lived = [job.initializing(), job.starting(), elsewhere.initializing(), runner(kind, boot=boot)]
    row = row_after(*lived)
    assert (row.status, row.reason, row.since) == (Status.STOPPED, reason, at(9))
    assert row_after(*lived, instance="bbbbbb").status is Status.INITIALIZING


def test_a_runner_s_own_start_changes_nothing_of_its_boot() -> None:
    job = Instance()
    assert row_after(job.initializing(), runner(InstanceStarted, boot=BOOT_A)).status is Status.INITIALIZING


def test_the_loss_of_an_earlier_boot_told_late_stops_nothing() -> None:
    new = Instance(boot=BOOT_B)
    row = row_after(new.initializing(), runner(InstanceLost, boot=BOOT_A))
    assert row.status is Status.INITIALIZING


def test_what_was_stopped_before_keeps_its_reason() -> None:
    job = Instance()
    lived = [job.initializing(), job.stopped(5)]
    assert row_after(*lived, runner(InstanceLost)).reason is Reason.STOPPED
    assert row_after(*lived, runner(InstanceStarted, boot=BOOT_B)).since == at(5)


def test_late_events_of_a_superseded_boot_wake_nothing_up() -> None:
    job = Instance()
    lived = [job.initializing(), job.starting(), job.stopping(), job.stopped()]
    row = row_after(*lived, runner(InstanceStarted, boot=BOOT_B), job.starting())
    assert row.status is Status.STOPPED


# Imported runs


def imported(run: Run, status: Status = Status.FAILED) -> RunImported:
    return RunImported(
        at=at(900),
        instance="aaaaaa",
        job_name=run.job,
        run_id=run.run_id,
        source="azure",
        imported_by="External - curl/8.5",
        host="9b01cc",
        status=status,
        trigger="Schedule - 0 0 3 * * *",
        requested_at=at(1),
        started_at=at(2),
        ended_at=at(5),
        reason=Reason.IMPORTED,
        output_log_bytes=12,
        error_log_bytes=0,
        log_lines=1,
    )


def test_an_imported_run_is_shown_with_its_own_times() -> None:
    run = Run(0)
    view = run_after(run, imported(run))
    assert (view.status, view.imported_from, view.instance) == (Status.FAILED, "azure", "9b01cc")
    assert (view.requested_at, view.started_at, view.ended_at) == (at(1), at(2), at(5))
    assert (view.output_log_bytes, view.log_lines, view.digest) == (12, 1, "")


def test_an_imported_run_changes_neither_a_run_that_is_there_nor_statistics_nor_the_latest_run() -> None:
    old, new = Run(0), Run(100)
    own = [new.initializing(), new.running(), new.success()]
    fold, before = folded(*own, imported(old)), folded(*own)
    (job,), (job_before,) = fold.jobs_to_put, before.jobs_to_put
    assert job.run_count == job_before.run_count + 1
    assert (job.latest_run, job.results, job.streak, job.failing_since, job.last_success) == (
        job_before.latest_run,
        job_before.results,
        job_before.streak,
        job_before.failing_since,
        job_before.last_success,
    )
    again = folded(*own, imported(old), imported(old, Status.SUCCESS), imported(new))
    assert again.refused == 2
    assert again.run(old.job, old.run_id) == fold.run(old.job, old.run_id)
    assert again.run(new.job, new.run_id) == before.run(new.job, new.run_id)


def test_a_job_of_which_all_runs_are_imported_has_the_newest_as_its_latest() -> None:
    (job,) = folded(imported(Run(5)), imported(Run(0))).jobs_to_put
    assert job.latest_run is not None and job.latest_run.run_id == Run(5).run_id
    assert (job.results, job.streak) == ("", 0)
