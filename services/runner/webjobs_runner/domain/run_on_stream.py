"""What the stream of events shows of a run: a fold over its events."""

from dataclasses import dataclass, replace
from datetime import datetime

from webjobs_events.events import RunEnded, RunEvent, RunInitializing, RunRunning

from webjobs_runner.domain.attempt import Attempt


@dataclass(frozen=True, slots=True)
class RunOnStream:
    """What the stream of events shows of a run.

    Attributes:
        position: Sequence of the last event of its job that was read.
        attempt: The latest attempt; one that is announced by the final event before it counts.
        has_begun: Whether that attempt's first event is there.
        digest: The version of the package that it runs; empty while it has not begun.
        started_at: When its process started; None while it has not.
        end: Its final event; None when it has not ended, or is followed by another attempt.
        before: The final event of the attempt before, when that was read.
    """

    position: int
    attempt: Attempt
    has_begun: bool = False
    digest: str = ""
    started_at: datetime | None = None
    end: RunEnded | None = None
    before: RunEnded | None = None

    def after(self, sequence: int, event: RunEvent | None) -> "RunOnStream":
        """Returns what is known after one more event of this attempt; None: it is of a later release."""
        moved = replace(self, position=sequence)
        if isinstance(event, RunInitializing):
            return replace(moved, has_begun=True, digest=event.digest)
        if isinstance(event, RunRunning):
            return replace(moved, has_begun=True, digest=event.digest, started_at=event.at)
        if not isinstance(event, RunEnded):
            return replace(moved, has_begun=True)
        if event.next_run_id is None:
            return replace(moved, has_begun=True, end=event)
        following = self.attempt.after(event.next_run_id, event.next_attempt_at)
        return RunOnStream(sequence, following, before=event)
