from webjobs_runner.domain.redelivery import MOST_FAILURES, is_enough, redelivery_delay


def test_a_command_is_tried_again_more_and_more_seldom_and_given_up_in_the_end() -> None:
    assert [redelivery_delay(failures) for failures in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert redelivery_delay(10_000) == 300.0
    assert [is_enough(failures) for failures in (1, MOST_FAILURES - 1, MOST_FAILURES)] == [False, False, True]
