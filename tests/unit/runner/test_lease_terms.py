"""Leases hold longer than NATS may be without a leader, where several servers keep them."""

import pytest
from webjobs_runner.lease_terms import LeaseTerms

LONGEST_ELECTION = 9.0  # seconds; nats-server chooses 4 to 9, and knows no setting for it


@pytest.mark.parametrize(("replicas", "seconds"), [(1, 10), (3, 20), (5, 20)])
def test_a_lease_follows_from_the_number_of_replicas(replicas: int, seconds: int) -> None:
    assert LeaseTerms.for_replicas(replicas).seconds == seconds


@pytest.mark.parametrize("replicas", [3, 5])
def test_a_renewal_just_before_an_election_outlasts_most_of_them(replicas: int) -> None:
    terms = LeaseTerms.for_replicas(replicas)
    since_renewal = terms.singleton_renewal_seconds
    assert terms.seconds - terms.stop_margin_seconds >= LONGEST_ELECTION
    assert terms.seconds - terms.stop_margin_seconds - since_renewal >= 8.0
