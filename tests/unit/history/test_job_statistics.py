from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.job_statistics import recomputed
from support.stories import at
from webjobs_events.queries import RunView
from webjobs_history.domain.job_statistics import JobStatistics, with_ended
from webjobs_rules.job import JobName
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Status

END_OF = {"S": Status.SUCCESS, "F": Status.FAILED, "A": Status.ABORTED}


def ended(number: int, result: str, took: timedelta | None = timedelta(0)) -> RunView:
    return RunView(
        job_name=JobName("job"),
        run_id=run_id_at(at(number)),
        status=END_OF[result],
        trigger="t",
        digest="d",
        instance="aaaaaa",
        requested_at=at(number),
        started_at=None if took is None else at(number),
        ended_at=at(number) + (took or timedelta(0)),
    )


def folded(runs: list[RunView]) -> JobStatistics:
    return reduce(with_ended, runs, JobStatistics())


durations = st.none() | st.timedeltas(timedelta(0), timedelta(days=40))


@given(st.lists(st.tuples(st.sampled_from("SFA"), durations), max_size=230))
def test_the_fold_of_any_results_is_what_the_whole_list_gives(results: list[tuple[str, timedelta]]) -> None:
    runs = [ended(number, result, took) for number, (result, took) in enumerate(results)]
    assert folded(runs) == recomputed(runs)


@pytest.mark.parametrize("result", "SFA")
def test_a_streak_may_be_longer_than_the_results_that_are_kept(result: str) -> None:
    statistics = folded([ended(number, result) for number in range(140)])
    assert (statistics.streak, len(statistics.results), len(statistics.durations)) == (140, 100, 50)
    assert statistics.failing_since == (at(0) if result == "F" else None)


@pytest.mark.parametrize(
    ("results", "streak", "failing_since"),
    [
        ("", 0, None),
        ("S", 1, None),
        ("SFFF", 3, 1),
        ("FFFS", 1, None),
        ("FFAF", 1, 3),
        ("SFFA", 1, None),
    ],
)
def test_a_streak_ends_with_any_other_result(results: str, streak: int, failing_since: int | None) -> None:
    statistics = folded([ended(number, result) for number, result in enumerate(results)])
    assert statistics.streak == streak
    assert statistics.failing_since == (None if failing_since is None else at(failing_since))
