"""When a folder has come to rest."""

from webjobs_runner.domain.debounce import Debounce


def test_two_equal_looks_apart_by_the_quiet_time_are_rest() -> None:
    wait = Debounce(1.0, 0.2)
    assert not wait.observe("a", 10.0)
    assert not wait.is_due(10.9)
    assert wait.is_due(11.0)
    assert wait.may_settle(11.0)
    assert wait.observe("a", 11.0)


def test_a_different_look_begins_anew() -> None:
    wait = Debounce(1.0, 0.2)
    wait.observe("a", 10.0)
    assert not wait.observe("b", 11.0)
    assert not wait.observe("b", 11.9)
    assert wait.observe("b", 12.0)


def test_a_notice_begins_anew_though_the_folder_looks_the_same() -> None:
    wait = Debounce(1.0, 0.2)
    wait.observe("a", 10.0)
    wait.disturb(10.5)
    assert not wait.may_settle(11.0)
    assert not wait.observe("a", 11.0)
    assert wait.observe("a", 12.0)


def test_nobody_looks_while_notices_keep_coming() -> None:
    wait = Debounce(1.0, 0.2)
    for tenth in range(50):
        wait.disturb(tenth / 10)
        assert not wait.is_due(tenth / 10 + 0.1)
    assert wait.is_due(4.9 + 0.2)


def test_a_file_held_open_puts_the_end_off() -> None:
    wait = Debounce(1.0, 0.2)
    wait.observe("a", 10.0)
    wait.postpone(11.5)
    assert not wait.is_due(11.4)
    assert wait.observe("a", 11.5)
