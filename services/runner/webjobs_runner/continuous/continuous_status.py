"""Publishes the status of a continuous job on this runner: each status is one event and one line."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from webjobs_events.events import (
    ContinuousEvent,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
)
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName
from webjobs_rules.log_format import STATUS_CHANGED
from webjobs_rules.status import Status

from webjobs_runner.continuous.stop_reason import StopReason
from webjobs_runner.instance import Instance
from webjobs_runner.logs.continuous_log import ContinuousLog
from webjobs_runner.outbox import Outbox


class EventNumbers:
    """Numbers the events of each job, over all its supervisors of this boot: none is used twice."""

    def __init__(self) -> None:
        self._used: defaultdict[JobName, int] = defaultdict(int)

    def next(self, job_name: JobName) -> int:
        """The number of the job's next event, from 1."""
        self._used[job_name] += 1
        return self._used[job_name]


class ContinuousStatus:
    """The status of one job here, and the only author of its events."""

    __slots__ = ("_instance", "_last", "_log", "_numbers", "_outbox")

    def __init__(self, instance: Instance, outbox: Outbox, numbers: EventNumbers, log: ContinuousLog) -> None:
        self._instance = instance
        self._outbox = outbox
        self._numbers = numbers
        self._log = log
        self._last: ContinuousEvent | None = None

    @property
    def now(self) -> Status | None:
        """The status entered last; None before the first one."""
        return self._last.status if self._last else None

    def enter(
        self, event_type: Callable[..., ContinuousEvent], definition: JobDefinition, **facts: Any
    ) -> None:
        """Enter a status: its event is the change.

        Args:
            event_type: Of the status.
            definition: That it is about: the running one as long as something runs.
            facts: The event's own fields.
        """
        self._publish(
            event_type(
                at=datetime.now(UTC),
                instance=self._instance.id,
                boot=self._instance.boot,
                job_name=definition.job_name,
                sequence=self._numbers.next(definition.job_name),
                digest=definition.digest,
                **facts,
            )
        )

    def stay_stopped(self, definition: JobDefinition, stop_reason: StopReason) -> None:
        """Be stopped, with nothing that had to be ended first; published once."""
        if self.now is not Status.STOPPED:
            self.enter(
                ContinuousStopped, definition, reason=stop_reason.reason, evidence=stop_reason.evidence
            )

    def republish(self, definition: JobDefinition) -> None:
        """Publish the status from the beginning: others took this runner for lost, its jobs for stopped."""
        last = self._last
        if last is None or isinstance(last, ContinuousStopped):
            return
        self.enter(ContinuousInitializing, definition)
        if isinstance(last, ContinuousRunning | ContinuousPendingRestart):
            self.enter(ContinuousStarting, definition)
        if not isinstance(last, ContinuousInitializing):
            number = self._numbers.next(definition.job_name)
            self._publish(replace(last, at=datetime.now(UTC), sequence=number))

    def _publish(self, event: ContinuousEvent) -> None:
        self._last = event
        self._outbox.add(event)
        self._log.script.write_system(f"{STATUS_CHANGED}{event.status}")
