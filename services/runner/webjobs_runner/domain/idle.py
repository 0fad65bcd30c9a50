"""When a triggered run has been idle for too long: no output and no CPU time in its whole tree.

Source: Kudu wiki, WEBJOBS_IDLE_TIMEOUT; Kudu, IdleManager.cs (which checks each second).
"""

from dataclasses import dataclass

# Waking up to look at a clock costs a little CPU time; up to this much between two looks is idleness.
CPU_SECONDS_OF_IDLENESS = 0.01
_CHECKS_PER_LIMIT = 10


@dataclass(frozen=True, slots=True)
class IdleEvidence:
    """What was measured when a run was found idle."""

    idle_seconds: float
    limit_seconds: float
    cpu_seconds: float
    output_bytes: int

    @property
    def explanation(self) -> str:
        """The rule, its limit, the measure, and how to change it, in one sentence."""
        return (
            f"No output and no CPU time for {self.idle_seconds:.0f} s (CPU time stays at "
            f"{self.cpu_seconds:.2f} s, output at {self.output_bytes} bytes): the idle time-out is "
            f"{self.limit_seconds:g} s; raise the setting WEBJOBS_IDLE_TIMEOUT to let it wait longer."
        )


class IdleWatch:
    """Follows one run from look to look; instants are seconds of a monotonic clock.

    The end of idleness is only seen at the next look, so an idle run is found after the limit and before
    eleven tenths of it.
    """

    __slots__ = ("_active_at", "_cpu_seconds", "_observed_at", "_output_bytes", "limit_seconds")

    def __init__(self, limit_seconds: float, started_at: float) -> None:
        self.limit_seconds = limit_seconds
        self._active_at = self._observed_at = started_at
        self._cpu_seconds = 0.0
        self._output_bytes = 0

    @property
    def next_check_at(self) -> float:
        """When to look again; never later than the limit can be reached."""
        soon = self._observed_at + self.limit_seconds / _CHECKS_PER_LIMIT
        return max(self._observed_at, min(soon, self._active_at + self.limit_seconds))

    def observe(self, now: float, cpu_seconds: float, output_bytes: int) -> IdleEvidence | None:
        """Take what the whole tree has used and written so far; answer the evidence if it is idle too long.

        A tree that has lost a process shows less CPU time than before: that is activity too.
        """
        grown = abs(cpu_seconds - self._cpu_seconds)
        if output_bytes != self._output_bytes or grown > CPU_SECONDS_OF_IDLENESS:
            self._active_at = now
        self._observed_at = now
        self._cpu_seconds = cpu_seconds
        self._output_bytes = output_bytes
        idle_seconds = now - self._active_at
        if idle_seconds < self.limit_seconds:
            return None
        return IdleEvidence(idle_seconds, self.limit_seconds, cpu_seconds, output_bytes)
