"""An outage is logged once at its beginning, once a minute, and once at its end, however many tries fail."""

from typing import Any

from webjobs_events.outage import Outage


class Lines:
    """A logger that keeps what is written, and a clock that the test moves."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.now = 0.0

    def __getattr__(self, level: str) -> Any:
        def write(event: str, **fields: Any) -> None:
            if level != "debug":
                self.written.append((level, event, fields))

        return write

    @property
    def texts(self) -> list[str]:
        return [event for _, event, _ in self.written]


def outage(lines: Lines, **options: Any) -> Outage:
    return Outage(lines, "nats", clock=lambda: lines.now, **options)


def fail_for(lines: Lines, broken: Outage, seconds: float, reasons: tuple[str, ...] = ("refused",)) -> None:
    """Fifteen tries a second, each with the next of some reasons."""
    for number in range(round(seconds * 15)):
        broken.failed(reasons[number % len(reasons)])
        lines.now += 1 / 15


def test_many_tries_are_one_line_a_minute() -> None:
    lines = Lines()
    broken = outage(lines)
    fail_for(lines, broken, 150)
    broken.ended()
    assert lines.texts == [
        "nats unavailable",
        "nats still unavailable",
        "nats still unavailable",
        "nats available again",
    ]
    assert lines.written[-1][2] == {"seconds": 150.0, "tries": 2250}


def test_a_reason_that_differs_at_each_try_makes_no_line_of_its_own() -> None:
    lines = Lines()
    fail_for(lines, outage(lines), 30, ("refused by ::1", "refused by 127.0.0.1", "timed out"))
    assert lines.texts == ["nats unavailable"]


def test_success_without_an_outage_is_no_news() -> None:
    lines = Lines()
    broken = outage(lines)
    broken.ended()
    broken.ended()
    assert lines.texts == []


def test_the_next_outage_begins_anew() -> None:
    lines = Lines()
    broken = outage(lines)
    for _ in range(2):
        broken.failed("refused")
        broken.ended()
    assert lines.texts == ["nats unavailable", "nats available again"] * 2


def test_a_patient_one_does_not_log_what_is_over_soon() -> None:
    lines = Lines()
    broken = outage(lines, patience=3.0)
    fail_for(lines, broken, 2)
    broken.ended()
    assert lines.texts == []
    fail_for(lines, broken, 4)
    broken.ended()
    assert lines.texts == ["nats unavailable", "nats available again"]


def test_what_another_outage_explains_is_not_logged_until_that_is_over() -> None:
    lines = Lines()
    is_explained = True
    broken = outage(lines, patience=3.0, explained_by=lambda: is_explained)
    fail_for(lines, broken, 600)
    assert lines.texts == [] and broken.is_on
    is_explained = False
    fail_for(lines, broken, 2.5)
    assert lines.texts == []  # it may take a moment more than its cause
    fail_for(lines, broken, 1)
    assert lines.texts == ["nats unavailable"]
