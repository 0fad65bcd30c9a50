"""When a folder that changes has come to rest."""

from dataclasses import dataclass


@dataclass(slots=True)
class Debounce:
    """Waits until two looks at a folder, the quiet time apart and with no notice between them, agree.

    Instants are seconds of one monotonic clock.

    Attributes:
        quiet_seconds: How long nothing may change.
        gather_seconds: Delay of the first check after a notice: a folder is not read while a copy goes on.
    """

    quiet_seconds: float
    gather_seconds: float
    _state: str | None = None
    _observed_at: float = 0.0
    _not_before: float = 0.0

    def disturb(self, now: float) -> None:
        """Something changed: start over."""
        self._state = None
        self._not_before = now + self.gather_seconds

    def is_due(self, now: float) -> bool:
        """Whether it is time to check the folder."""
        quiet_at = self._not_before if self._state is None else self._observed_at + self.quiet_seconds
        return now >= max(quiet_at, self._not_before)

    def may_settle(self, now: float) -> bool:
        """Whether the next look may be the last, so that it is worth asking who still writes."""
        return self._state is not None and self.is_due(now)

    def postpone(self, until: float) -> None:
        """A process holds a file open: check again then."""
        self._not_before = until

    def observe(self, state: str, now: float) -> bool:
        """Record the state of the folder; True when it has come to rest."""
        if self._state == state:
            return now >= self._observed_at + self.quiet_seconds
        self._state, self._observed_at = state, now
        return False
