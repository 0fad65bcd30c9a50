from hypothesis import given
from hypothesis import strategies as st
from webjobs_runner.domain.concurrency import may_start, replaced_by

LINES = st.lists(st.integers(1, 500), unique=True, min_size=1, max_size=40).map(sorted)


def test_the_oldest_have_their_turn() -> None:
    assert [may_start(each, [3, 5, 9], 2) for each in (3, 5, 9, 12)] == [True, True, False, False]


def test_without_a_limit_everybody_has_his_turn() -> None:
    assert may_start(9, [], None)


@given(LINES, st.integers(1, 10), st.data())
def test_a_turn_that_has_come_does_not_pass_and_never_more_than_the_limit_have_theirs(
    line: list[int], at_once: int, data: st.DataObject
) -> None:
    turns = {each for each in line if may_start(each, line, at_once)}
    assert len(turns) == min(at_once, len(line))
    while line:  # commands leave in any order, and new ones come behind the rest
        gone = data.draw(st.sampled_from(line))
        line = [each for each in line if each != gone] + ([line[-1] + 1] if data.draw(st.booleans()) else [])
        line = line[:60]
        now = {each for each in line if may_start(each, line, at_once)}
        assert turns - {gone} <= now
        assert len(now) == min(at_once, len(line))
        turns = now
        if data.draw(st.integers(0, 5)) == 0:
            break


def test_a_new_run_takes_the_place_of_the_oldest_ones() -> None:
    assert list(replaced_by(9, [3, 5, 9], 1)) == [3, 5]
    assert list(replaced_by(9, [3, 5, 9], 2)) == [3]
    assert list(replaced_by(9, [3, 5, 9], 3)) == []
    assert list(replaced_by(5, [3, 5, 9], 1)) == [3]


@given(LINES, st.integers(1, 10))
def test_the_newest_are_left_when_each_has_replaced_those_before_it(line: list[int], at_once: int) -> None:
    gone = {old for each in line for old in replaced_by(each, line, at_once)}
    assert [each for each in line if each not in gone] == line[-at_once:]
