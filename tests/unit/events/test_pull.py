"""When standing pulls are looked at."""

import pytest
from webjobs_events.jetstream.pull import _next_look, lifetime


@pytest.mark.parametrize("now", [100.0, 100.1, 102.5, 104.99])
def test_all_pulls_are_looked_at_in_the_same_instants_within_a_heartbeat(now: float) -> None:
    """An idle process wakes up once for all of them."""
    assert _next_look(now, 5.0) == 105.0


@pytest.mark.parametrize(
    ("now", "expected"), [(90.0, 30.0), (91.5, 28.5), (100.0, 20.0), (106.0, 14.0), (108.0, 42.0)]
)
def test_all_requests_end_in_the_same_instants_and_live_long_enough(now: float, expected: float) -> None:
    """Their heartbeats come together from then on; the server wants two of them before the end."""
    assert lifetime(now, 30.0, 5.0) == expected
