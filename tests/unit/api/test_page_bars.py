"""Results as bars: failed ones hang below the line, and a sentence says the same."""

from webjobs_api.pages.bars import Result, bars_of
from webjobs_rules.status import Status

OK, BAD = Status.SUCCESS, Status.FAILED


def test_there_is_one_path_for_each_result_that_occurs() -> None:
    bars = bars_of([Result(OK, 1), Result(BAD, 2), Result(OK, 4)])
    assert [kind for kind, _ in bars.paths] == ["Success", "Failed"]
    assert dict(bars.paths)["Success"].count("M") == 2


def test_failed_bars_begin_at_the_line_and_others_end_there() -> None:
    bars = dict(bars_of([Result(OK, 4), Result(BAD, 2)]).paths)
    assert bars["Success"] == "M0 0h5v16h-5z"
    assert bars["Failed"] == "M7 16h5v8h-5z"


def test_few_results_stand_at_the_end_of_the_room() -> None:
    bars = bars_of([Result(OK, 1)], places=20)
    assert bars.width == 20 * 7 - 2
    assert bars.paths[0][1].startswith("M133 ")


def test_a_run_of_no_length_still_has_a_bar() -> None:
    assert bars_of([Result(OK, 0), Result(OK, 0)]).paths[0][1] == "M0 13h5v3h-5zM7 13h5v3h-5z"


def test_the_label_says_it_in_words() -> None:
    results = [Result(OK, 1), Result(BAD, 1), Result(Status.ABORTED, 1), Result(Status.RUNNING, 0)]
    assert bars_of(results).label == "Last 4 runs: 1 succeeded, 1 failed, 1 aborted and 1 not ended."
    assert bars_of([]).label == "No runs yet."
