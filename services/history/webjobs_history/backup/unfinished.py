"""What had begun and not ended at the end of the events of a backup, and the events that end it; pure.

Whatever went on then is not in the backup. Without these events it would seem to go on for ever.
"""

from datetime import datetime

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import (
    Deleted,
    Event,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    RunAborted,
    RunEnded,
    RunEvent,
    RunInitializing,
    RunRunning,
)
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason

_NO_INSTANCE = "000000"

RELEVANT = frozenset(
    {
        *("Initializing", "Running", "Success", "Failed", "Aborted", "Deleted"),
        *("InstanceStarted", "InstanceStopped", "InstanceLost"),
    }
)
"""Names of the events that `Unfinished.note` wants."""


class Unfinished:
    """Runs that are not over, attempts that wait, and runners that have not stopped, after some events."""

    def __init__(self) -> None:
        self._open: dict[tuple[JobName, str], RunEvent] = {}
        self._next: dict[tuple[JobName, str], RunEnded] = {}
        self._boots: dict[str, str] = {}

    def note(self, event: Event) -> None:
        """An event, in the order of the stream."""
        match event:
            case RunInitializing() | RunRunning():
                self._open[event.job_name, event.run_id] = event
                self._next.pop((event.job_name, event.run_id), None)
            case RunEnded():
                self._open.pop((event.job_name, event.run_id), None)
                if event.next_run_id is not None:
                    self._next[event.job_name, event.next_run_id] = event
            case Deleted() if event.job_type is JobType.TRIGGERED:
                for known in (self._open, self._next):
                    for key in [key for key in known if key[0] == event.job_name]:
                        del known[key]
            case InstanceStarted():
                self._boots[event.about_instance] = event.boot
            case InstanceStopped() | InstanceLost():
                if self._boots.get(event.about_instance) == event.boot:
                    del self._boots[event.about_instance]
            case _:
                pass

    def ends(self, waiting: list[tuple[RunTriggeredJob, str]], at: datetime) -> list[Event]:
        """The events that end all of it.

        Args:
            waiting: Commands that were in the queue, each with the version of the job; those of runs that
                have begun are passed over by the caller.
            at: The moment of the backup.
        """
        ends: list[Event] = []
        moment = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        went_on = f"The run was not over when the backup of {moment} was taken; its end is not in the backup."
        waited = (
            f"The run waited when the backup of {moment} was taken; it was not started after the restore."
        )
        for begun in self._open.values():
            started_at = begun.at if isinstance(begun, RunRunning) else None
            ends.append(_aborted(begun, at, started_at, went_on))
        for ended in self._next.values():
            assert ended.next_run_id is not None
            begins = RunInitializing(
                at=at,
                instance=ended.instance,
                job_name=ended.job_name,
                run_id=ended.next_run_id,
                attempt=ended.attempt + 1,
                trigger=ended.trigger,
                arguments=ended.arguments,
                digest=ended.digest,
                requested_at=ended.requested_at,
                scheduled_for=ended.scheduled_for,
                retry_of=ended.run_id,
            )
            ends += [begins, _aborted(begins, at, None, waited)]
        for command, digest in waiting:
            begins = RunInitializing(
                at=at,
                instance=next(iter(self._boots), _NO_INSTANCE),
                job_name=command.job_name,
                run_id=command.run_id,
                attempt=command.attempt,
                trigger=command.requested_by,
                arguments=command.arguments,
                digest=digest,
                requested_at=command.requested_at,
                scheduled_for=command.scheduled_for,
                rerun_of=command.rerun_of,
            )
            ends += [begins, _aborted(begins, at, None, waited)]
        ends += [
            InstanceLost(at=at, instance=instance, about_instance=instance, boot=boot)
            for instance, boot in self._boots.items()
        ]
        return ends


def _aborted(run: RunEvent, at: datetime, started_at: datetime | None, evidence: str) -> RunAborted:
    return RunAborted(
        at=at,
        instance=run.instance,
        job_name=run.job_name,
        run_id=run.run_id,
        attempt=run.attempt,
        trigger=run.trigger,
        arguments=run.arguments,
        digest=run.digest,
        requested_at=run.requested_at,
        scheduled_for=run.scheduled_for,
        retry_of=run.retry_of,
        rerun_of=run.rerun_of,
        started_at=started_at,
        reason=Reason.RUNNER_LOST,
        evidence=evidence,
    )
