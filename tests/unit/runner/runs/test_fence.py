"""The instants at which a fenced script is asked to end and is killed, and how they move with renewals."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from support.eventually import eventually
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.runs.fence import Fence


class FakePeers:
    """A lease whose end a test decides."""

    def __init__(self, lease_end: float) -> None:
        self.terms = LeaseTerms(seconds=10)
        self.lease_end = lease_end
        self.guards: list[Callable[[float], None]] = []

    @contextmanager
    def guarding(self, renewed: Callable[[float], None]) -> Iterator[None]:
        self.guards.append(renewed)
        renewed(self.lease_end)
        try:
            yield
        finally:
            self.guards.remove(renewed)

    def renew(self, lease_end: float) -> None:
        self.lease_end = lease_end
        for guard in self.guards:
            guard(lease_end)


class FakeProcess:
    """Remembers its limits."""

    def __init__(self) -> None:
        self.limits: list[float] = []

    def limit(self, instant: float) -> None:
        self.limits.append(instant)


@pytest.mark.parametrize(
    ("left", "is_overdue", "has_expired"),
    [(10, False, False), (4.5, False, False), (3.5, True, False), (1.5, True, False), (0.5, True, True)],
)
def test_margins_before_the_end_of_a_lease_of_ten_seconds(
    left: float, is_overdue: bool, has_expired: bool
) -> None:
    fence = Fence(cast(Any, FakePeers(time.monotonic() + left)))
    assert (fence.is_overdue, fence.has_expired) == (is_overdue, has_expired)


async def test_the_kill_moves_with_each_renewal_until_the_script_has_ended() -> None:
    peers, process = FakePeers(time.monotonic() + 10), FakeProcess()
    with Fence(cast(Any, peers)).around(cast(Any, process), lambda: None):
        peers.renew(peers.lease_end + 3)
    assert process.limits == [peers.lease_end - 4, peers.lease_end - 1]
    assert peers.guards == []


async def test_a_script_is_asked_to_end_when_its_lease_is_overdue() -> None:
    asked: list[str] = []
    peers = FakePeers(time.monotonic() + 3.9)
    fence = Fence(cast(Any, peers))
    with fence.around(cast(Any, FakeProcess()), lambda: asked.append(fence.evidence)):
        await eventually(lambda: asked)
    assert asked[0].startswith("Its runner could not renew its lease for 6.")


async def test_no_script_is_asked_to_end_after_it_has_ended() -> None:
    asked: list[str] = []
    peers = FakePeers(time.monotonic() + 4.02)
    with Fence(cast(Any, peers)).around(cast(Any, FakeProcess()), lambda: asked.append("asked")):
        pass
    await asyncio.sleep(0.05)  # a negative proof: the timer would have fired by then
    assert asked == []
