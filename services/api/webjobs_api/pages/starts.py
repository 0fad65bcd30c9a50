"""The starts of a continuous job out of its events: when each was, how long it lasted, why it ended; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webjobs_events.events import (
    ContinuousEvent,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    InstanceLost,
)
from webjobs_events.events.continuous import ProcessEnded
from webjobs_events.queries import InstanceView
from webjobs_rules.amounts import took
from webjobs_rules.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One life of the job's process on an instance.

    Attributes:
        number: From 1, the oldest that is known.
        instance: Where.
        began: When the runner began to start it; None: before the events that are known.
        ended: When it ended; None while it goes on.
        cause: Why it ended: `exit code 1`; empty while it goes on.
        is_crash: Whether it ended by itself, and with an error.
        restart_at: When the next start is due; None when none is.
    """

    number: int
    instance: str
    began: datetime | None
    ended: datetime | None = None
    cause: str = ""
    is_crash: bool = False
    restart_at: datetime | None = None

    @property
    def length(self) -> timedelta | None:
        """How long it lasted; None when that is not known."""
        return self.ended - self.began if self.ended and self.began else None

    @property
    def key(self) -> str:
        """Names it in an address."""
        return f"{self.began:%Y%m%d%H%M%S%f}" if self.began else ""

    @property
    def words(self) -> str:
        """`start 14 · 1.0 s · exit code 1`."""
        return " · ".join(part for part in (f"start {self.number}", took(self.length), self.cause) if part)


def starts_of(events: Iterable[ContinuousEvent | InstanceLost], views: Sequence[InstanceView]) -> list[Start]:
    """All starts, the oldest first.

    Args:
        events: Of the job and of lost runners, oldest first.
        views: What the job does on each instance now: what goes on since before the events.
    """
    lives = _Lives()
    for event in events:
        if isinstance(event, InstanceLost):
            lives.lose(event)
        else:
            lives.add(event)
    found = list(lives.found)
    for view in views:
        if view.instance not in lives.instances and view.status is Status.RUNNING:
            found.append(Start(number=0, instance=view.instance, began=view.since))
    found.sort(key=lambda start: (start.began is not None, start.began or start.ended))
    return [replace(start, number=number) for number, start in enumerate(found, 1)]


def cause_of(event: ProcessEnded) -> str:
    """Why a process ended, in a few words: the exit code, the signal, or the reason."""
    if event.exit_code is not None:
        return f"exit code {event.exit_code}"
    if event.signal is not None:
        return f"signal {event.signal}"
    return event.reason.value.replace("_", " ")


class _Lives:
    """Puts starts together from the events of each instance."""

    def __init__(self) -> None:
        self.found: list[Start] = []
        self.instances: set[str] = set()
        self._open: dict[str, int] = {}  # place of the start that goes on, by instance
        self._last: dict[str, ContinuousEvent] = {}
        self._repeating: set[str] = set()  # instances that publish their status again, from the beginning

    def add(self, event: ContinuousEvent) -> None:
        instance, last = event.instance, self._last.get(event.instance)
        if isinstance(event, ContinuousInitializing) and _goes_on(last, event):
            self._repeating.add(instance)
            return
        if instance in self._repeating:
            self._repeat(event, last)
            return
        if instance not in self.instances:
            self._begin_before(event)
        self.instances.add(instance)
        self._last[instance] = event
        if isinstance(event, ContinuousStarting):
            self._end(instance, event.at, "")
            self._begin(Start(number=0, instance=instance, began=event.at))
        elif isinstance(event, ContinuousPendingRestart):
            due = event.at + timedelta(seconds=event.restart_delay_seconds)
            is_crash = event.exit_code != 0
            self._end(instance, event.at, cause_of(event), is_crash=is_crash, restart_at=due)
        elif isinstance(event, ContinuousStopped):
            self._end(instance, event.at, cause_of(event))

    def lose(self, event: InstanceLost) -> None:
        """Other runners took this one for lost; it may come back, and its processes with it."""
        place = self._open.get(event.about_instance)
        if place is not None:
            self.found[place] = replace(self.found[place], ended=event.at, cause="runner lost")

    def _repeat(self, event: ContinuousEvent, last: ContinuousEvent | None) -> None:
        """Pass over a status that is published again, up to the latest one."""
        if type(event) is not type(last):
            return
        self._repeating.discard(event.instance)
        place = self._open.get(event.instance)
        if place is not None:
            self.found[place] = replace(self.found[place], ended=None, cause="")

    def _begin_before(self, event: ContinuousEvent) -> None:
        """What the first event of an instance says of the time before."""
        if not isinstance(event, ContinuousInitializing | ContinuousStarting) and (
            isinstance(event, ContinuousRunning | ContinuousPendingRestart) or event.status is Status.STOPPING
        ):
            self._begin(Start(number=0, instance=event.instance, began=None))

    def _begin(self, start: Start) -> None:
        self._open[start.instance] = len(self.found)
        self.found.append(start)

    def _end(
        self,
        instance: str,
        at: datetime,
        cause: str,
        *,
        is_crash: bool = False,
        restart_at: datetime | None = None,
    ) -> None:
        place = self._open.pop(instance, None)
        if place is None:
            return
        start = self.found[place]
        self.found[place] = replace(
            start,
            ended=start.ended or at,
            cause=start.cause or cause,
            is_crash=is_crash,
            restart_at=restart_at,
        )


def _goes_on(last: ContinuousEvent | None, event: ContinuousEvent) -> bool:
    """Whether an instance publishes its status again: it was taken for lost, and was not."""
    return last is not None and last.boot == event.boot and not isinstance(last, ContinuousStopped)
