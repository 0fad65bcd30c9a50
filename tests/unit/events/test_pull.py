"""When standing pulls are looked at."""

import pytest
from webjobs_events.jetstream.pull import _next_look


@pytest.mark.parametrize("now", [100.0, 100.1, 102.5, 104.99])
def test_all_pulls_are_looked_at_in_the_same_instants_within_a_heartbeat(now: float) -> None:
    """An idle process wakes up once for all of them."""
    assert _next_look(now, 5.0) == 105.0
