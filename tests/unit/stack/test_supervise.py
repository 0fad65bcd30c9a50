from itertools import pairwise

from webjobs_stack import supervise
from webjobs_stack.supervise import SILENT_SECONDS, Silence, restart_delay


def delays(count: int) -> list[float]:
    found = [restart_delay(0.0, 0.1)]
    while len(found) < count:
        found.append(restart_delay(found[-1], 0.1))
    return found


def test_pauses_double_from_half_a_second_to_thirty() -> None:
    pauses = delays(9)
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == 30.0
    assert all(earlier <= later for earlier, later in pairwise(pauses))


def test_the_first_three_crashes_are_followed_by_a_start_within_five_seconds() -> None:
    assert max(delays(3)) <= 5.0


def test_a_life_of_a_minute_is_forgiven() -> None:
    assert restart_delay(30.0, 59.9) == 30.0
    assert restart_delay(30.0, 60.0) == 0.5


def test_a_part_hangs_when_it_has_given_no_answer_for_long() -> None:
    silence = Silence(100.0)
    for now in (103.0, 110.0, 117.0):
        silence.record(False, now)
    assert silence.left(117.0) == SILENT_SECONDS - 17
    assert silence.left(100.0 + SILENT_SECONDS) == 0


def test_an_answer_makes_up_for_silence() -> None:
    silence = Silence(100.0)
    for now in (110.0, 117.0, 120.0):
        silence.record(False, now)
    silence.record(True, 121.0)
    assert silence.left(150.0) > 0


def test_time_in_which_nobody_was_asked_is_no_silence() -> None:
    """The supervisor itself may have stood still: stopped, or on a machine that was asleep."""
    silence = Silence(100.0)
    silence.record(False, 1000.0)
    assert silence.left(1000.0) > 0
    silence.record(False, 1002.0)
    silence.record(False, 1004.0)
    assert silence.left(1004.0) <= 0


def test_a_hanging_part_is_replaced_within_forty_seconds() -> None:
    """What is left of the forty seconds is for its start."""
    assert SILENT_SECONDS + restart_delay(0.0, SILENT_SECONDS) <= 30.0


def test_a_part_that_hangs_right_after_an_answer_has_missed_enough_questions_in_time() -> None:
    asked = supervise._LEAST_PROBES
    pauses = supervise._PROBE_SECONDS + (asked - 1) * supervise._AGAIN_SECONDS
    assert pauses + asked * supervise._ANSWER_SECONDS <= SILENT_SECONDS


def test_a_part_is_asked_more_often_while_it_does_not_answer() -> None:
    silence = Silence(100.0)
    assert silence.pause == supervise._PROBE_SECONDS
    silence.record(False, 110.0)
    assert silence.pause == supervise._AGAIN_SECONDS < supervise._PROBE_SECONDS
    silence.record(True, 111.0)
    assert silence.pause == supervise._PROBE_SECONDS
