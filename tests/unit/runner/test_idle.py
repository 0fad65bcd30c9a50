from webjobs_runner.domain.idle import IdleWatch


def observed_at(watch: IdleWatch, *looks: tuple[float, float, int]) -> list[bool]:
    return [watch.observe(*state) is not None for state in looks]


def test_a_run_without_cpu_time_and_output_is_idle_at_the_limit() -> None:
    assert observed_at(IdleWatch(10, 100.0), (105, 0, 0), (109.9, 0, 0), (110, 0, 0)) == [False, False, True]


def test_output_alone_or_cpu_time_alone_prevents_it() -> None:
    assert observed_at(IdleWatch(10, 0), (9, 0, 1), (18, 0, 2), (27, 0, 2), (28, 0, 2)) == [0, 0, 0, 1]
    assert observed_at(IdleWatch(10, 0), (9, 0.5, 0), (18, 1, 0), (27, 1, 0), (28, 1, 0)) == [0, 0, 0, 1]


def test_a_trace_of_cpu_time_is_idleness() -> None:
    assert observed_at(IdleWatch(10, 0), (5, 0.01, 0), (10, 0.02, 0)) == [False, True]


def test_cpu_time_lost_with_a_process_that_ended_is_activity() -> None:
    assert observed_at(IdleWatch(10, 0), (5, 3, 0), (14, 1, 0), (20, 1, 0), (24, 1, 0)) == [0, 0, 0, 1]


def test_the_next_look_is_due_ten_times_a_limit_and_exactly_at_the_limit() -> None:
    watch = IdleWatch(10, 100)
    assert watch.next_check_at == 101
    watch.observe(109.5, 0, 0)
    assert watch.next_check_at == 110
    watch.observe(109.8, 1, 0)
    assert watch.next_check_at == 110.8


def test_a_limit_lowered_meanwhile_counts_at_once() -> None:
    watch = IdleWatch(100, 0)
    watch.observe(50, 0, 0)
    watch.limit_seconds = 20
    assert watch.next_check_at == 50
    assert watch.observe(50, 0, 0)


def test_the_evidence_names_the_measure_the_limit_and_the_setting() -> None:
    evidence = IdleWatch(120, 0).observe(121, 0, 0)
    assert evidence is not None
    assert evidence.idle_seconds == 121
    assert "121 s" in evidence.explanation
    assert "120 s" in evidence.explanation
    assert "WEBJOBS_IDLE_TIMEOUT" in evidence.explanation
