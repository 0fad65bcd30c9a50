"""How long a runner's leases hold, and what follows from that."""

from dataclasses import dataclass

_SECONDS = 10
_SECONDS_WITH_REPLICAS = 20


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """The terms of heartbeats and singleton leases; the same for all runners that share a namespace.

    Attributes:
        seconds: A lease that is not renewed for so long is free; NATS counts whole seconds.
    """

    seconds: int = _SECONDS

    @classmethod
    def for_replicas(cls, replicas: int) -> "LeaseTerms":
        """The terms where so many servers of NATS keep the leases.

        When one of several ends, no lease can be renewed until the others have elected a leader, which takes
        them up to nine seconds. Jobs with a lease must not end for that.
        """
        return cls(_SECONDS_WITH_REPLICAS if replicas > 1 else _SECONDS)

    @property
    def heartbeat_seconds(self) -> float:
        """Between renewals of the runner's own lease: two may fail before it ends."""
        return 0.3 * self.seconds

    @property
    def renewal_seconds(self) -> float:
        """For the answer to a renewal, which is tried again then: what was sent into a cut line gets none."""
        return 0.15 * self.seconds

    @property
    def singleton_renewal_seconds(self) -> float:
        """Between renewals of a singleton's lease."""
        return 0.2 * self.seconds

    @property
    def retry_seconds(self) -> float:
        """Before a renewal that failed is tried again."""
        return 0.05 * self.seconds

    @property
    def stop_margin_seconds(self) -> float:
        """So long before the end of a lease that cannot be renewed, its job is made to stop."""
        return 0.4 * self.seconds

    @property
    def stop_grace_seconds(self) -> float:
        """What a script gets to end when its lease is lost; the rest of the margin is for killing it."""
        return 0.2 * self.seconds

    @property
    def kill_margin_seconds(self) -> float:
        """So long before the end of a lease its job is killed, even if its runner stands still."""
        return 0.1 * self.seconds
