from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.job_statistics import recomputed, statistics_of
from support.stories import random_history
from webjobs_events.events import Deleted, Event, InstanceEvent, Purged, Removed
from webjobs_events.queries import AcknowledgementView, RunView
from webjobs_history.domain.fold import Fold, keys_of
from webjobs_history.domain.rows import InstanceRow, JobRow
from webjobs_rules.status import is_terminal

seeds = st.integers(0, 2**32)


class MemoryStore:
    """What the tables hold, kept in dictionaries by the contract of `Fold`."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], RunView] = {}
        self.jobs: dict[str, JobRow] = {}
        self.instances: dict[tuple[str, str], InstanceRow] = {}
        self.acknowledgements: dict[tuple[str, str, str], AcknowledgementView] = {}

    def project(self, batch: list[Event]) -> None:
        keys = keys_of(batch)
        fold = Fold(
            [run for key, run in self.runs.items() if key in keys.runs],
            [job for name, job in self.jobs.items() if name in keys.jobs],
            [
                row
                for key, row in self.instances.items()
                if key in keys.instances or row.instance in keys.runners
            ],
            [row for key, row in self.acknowledgements.items() if key[:2] in keys.acknowledged],
        )
        for event in batch:
            fold.apply(event)
        self._write(fold)

    def _write(self, fold: Fold) -> None:
        self.runs = {
            key: run
            for key, run in self.runs.items()
            if key[0] not in fold.dropped_jobs and key not in fold.dropped_runs
        } | {(run.job_name, run.run_id): run for run in fold.runs_to_put}
        self.instances = {
            key: row for key, row in self.instances.items() if key[0] not in fold.dropped_instance_jobs
        } | {(row.job_name, row.instance): row for row in fold.instances_to_put}
        self.acknowledgements = {
            key: row for key, row in self.acknowledgements.items() if key not in fold.dropped_acknowledgements
        } | {(row.job_type, row.job_name, row.kind): row for row in fold.acknowledgements_to_put}
        self.jobs = {name: job for name, job in self.jobs.items() if name not in fold.dropped_jobs}
        for job in fold.jobs_to_put:
            self.jobs.pop(job.job_name, None)
            if job.run_count:
                latest = self._latest(job.job_name) if job.job_name in fold.headless else job.latest_run
                self.jobs[job.job_name] = replace(job, latest_run=latest)

    def _latest(self, name: str) -> RunView:
        return max((run for run in self.runs.values() if run.job_name == name), key=lambda run: run.run_id)

    @property
    def content(self) -> object:
        return self.runs, self.jobs, self.instances, self.acknowledgements


def projected(events: list[Event], sizes: Random | None) -> MemoryStore:
    """The rows after these events, in batches of random sizes; None: one by one."""
    store = MemoryStore()
    rest = events
    while rest:
        size = sizes.randrange(1, 40) if sizes else 1
        store.project(rest[:size])
        rest = rest[size:]
    return store


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_batches_of_any_size_give_the_same_rows(seed: int) -> None:
    events = random_history(seed, 150)
    one_by_one = projected(events, None).content
    assert projected(events, Random(seed)).content == one_by_one
    assert projected(events, Random(seed + 1)).content == one_by_one


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_the_rows_of_jobs_agree_with_those_of_runs(seed: int) -> None:
    store = projected(random_history(seed, 150), Random(seed))
    names = {name for name, _ in store.runs}
    assert store.jobs.keys() == names
    for name in names:
        of_job = sorted((run for run in store.runs.values() if run.job_name == name), key=lambda r: r.run_id)
        assert store.jobs[name].run_count == len(of_job)
        assert store.jobs[name].latest_run == of_job[-1]


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_statistics_of_jobs_are_those_of_their_runs_in_the_order_of_their_ends(seed: int) -> None:
    """Jobs that were deleted, or whose runs were all removed, begin anew; removing some changes nothing."""
    store = MemoryStore()
    ended: dict[str, list[RunView]] = {}
    for event in random_history(seed, 150):
        before = {key for key, run in store.runs.items() if is_terminal(run.status)}
        store.project([event])
        for key, run in store.runs.items():
            if is_terminal(run.status) and key not in before:
                ended.setdefault(run.job_name, []).append(run)
        ended = {name: runs for name, runs in ended.items() if name in store.jobs}
        for name, job in store.jobs.items():
            assert statistics_of(job) == recomputed(ended.get(name, []))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_an_ended_run_never_changes_until_it_is_purged_or_deleted(seed: int) -> None:
    store = MemoryStore()
    for event in random_history(seed, 150):
        before = {key: run for key, run in store.runs.items() if is_terminal(run.status)}
        store.project([event])
        assert all(store.runs[key] == run for key, run in before.items() if key in store.runs)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_every_ended_run_has_a_reason_and_an_end_not_before_its_start(seed: int) -> None:
    store = projected(random_history(seed, 150), Random(seed))
    for run in store.runs.values():
        assert is_terminal(run.status) == (run.ended_at is not None) == (run.reason is not None)
        if run.ended_at is not None:
            assert run.ended_at >= (run.started_at or run.requested_at)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_runs_and_instances_told_of_twice_are_as_told_once(seed: int) -> None:
    """Repeats of what no deletion or purge follows change nothing."""
    takes_away = (Deleted, Removed, Purged, InstanceEvent)
    events = [event for event in random_history(seed, 150) if not isinstance(event, takes_away)]
    runs_once = projected(events, None).runs
    doubled = [event for event in events for _ in range(2)]
    assert projected(doubled, Random(seed)).runs == runs_once
    assert projected(doubled, Random(seed)).instances == projected(events, None).instances
