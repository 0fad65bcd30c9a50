import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_events.durations import measured, median, p90


@pytest.mark.parametrize(
    ("durations", "results", "expected"),
    [
        ([], "", []),
        ([], "SFA", []),
        ([None], "S", []),
        ([7], "A", []),
        ([4, 900, None, 8, 2], "SAFFS", [2, 4, 8]),
        ([3, 1], "AAAAASF", [1, 3]),
    ],
)
def test_runs_that_were_cut_short_are_not_measured(
    durations: list[int | None], results: str, expected: list[int]
) -> None:
    assert measured(durations, results) == expected


@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_median_and_p90_are_those_of_their_definitions(durations: list[int]) -> None:
    ascending = sorted(durations)
    if not ascending:
        assert median(ascending) is p90(ascending) is None
        return
    assert median(ascending) == math.floor(statistics.median(ascending) + 0.5)
    enough = [
        each for each in ascending if sum(other <= each for other in ascending) * 10 >= len(ascending) * 9
    ]
    assert p90(ascending) == enough[0]
