from itertools import pairwise

from webjobs_stack.supervise import restart_delay


def test_pauses_double_from_half_a_second_to_thirty() -> None:
    delays = [restart_delay(0.0, 0.1)]
    for _ in range(8):
        delays.append(restart_delay(delays[-1], 0.1))
    assert delays[:3] == [0.5, 1.0, 2.0]
    assert delays[-1] == 30.0
    assert all(earlier <= later for earlier, later in pairwise(delays))


def test_a_life_of_a_minute_is_forgiven() -> None:
    assert restart_delay(30.0, 59.9) == 30.0
    assert restart_delay(30.0, 60.0) == 0.5
