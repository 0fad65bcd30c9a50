"""Why a continuous job may not run, or not any more."""

from dataclasses import dataclass

from webjobs_rules.status import Reason


@dataclass(frozen=True, slots=True)
class StopReason:
    """What keeps a job from running: reason and evidence of its event."""

    reason: Reason
    evidence: str


DISABLED = StopReason(Reason.STOPPED, "The job is disabled.")
NOT_ENABLED = StopReason(Reason.STOPPED, "The job's settings have enabled: false.")
ALL_STOPPED = StopReason(Reason.STOPPED, "WEBJOBS_STOPPED is set.")
REPLACED = StopReason(Reason.REPLACED, "The job's files or settings have changed.")
RESTARTED = StopReason(Reason.STOPPED, "A restart of the job was requested.")
STANDBY = StopReason(Reason.STOPPED, "The lease on the singleton was lost: another instance may run it.")
