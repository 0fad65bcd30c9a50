"""When a delivery is tried again, and when no more; pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class HookTerms:
    """Terms of every delivery.

    Attributes:
        timeout: Seconds that a receiver has to answer.
        first: Seconds until the second try.
        factor: By which the wait grows from try to try.
        longest: Seconds that no wait exceeds, the spread apart.
        max_retry_after: The longest wait in seconds that a receiver may request by Retry-After.
        spread: Part of the wait by which it is made longer or shorter at random, so that a receiver that
            comes back is not called by all at once.
        patience: Age from which on something is given up.
        least_tries: Tries that everything gets, however old it is.
        ack_wait: Seconds after which another api takes over the deliveries of one that was killed; longer
            than a try may take.
    """

    timeout: float = 10.0
    first: float = 5.0
    factor: float = 2.0
    longest: float = 600.0
    max_retry_after: float = 3600.0
    spread: float = 0.2
    patience: timedelta = timedelta(days=3)
    least_tries: int = 5
    ack_wait: float = 30.0

    def wait(self, attempt: int, chance: float, retry_after: float = 0.0) -> float:
        """Seconds between a failed try and the next one.

        Args:
            attempt: The one that failed, counted from 1.
            chance: A random number of 0 to 1.
            retry_after: Seconds that the receiver requested.
        """
        steps = min(attempt - 1, 64)
        own = min(self.longest, self.first * self.factor**steps) * (1 + self.spread * (2 * chance - 1))
        return max(own, min(retry_after, self.max_retry_after))

    def gives_up(self, attempt: int, age: timedelta) -> bool:
        """Whether something of this age is not tried again after so many tries."""
        return attempt >= self.least_tries and age >= self.patience
