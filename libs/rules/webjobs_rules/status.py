"""Status words, which of them are terminal, and the next status as one pure function."""

from collections.abc import Mapping
from enum import StrEnum

from webjobs_rules.errors import IllegalTransition
from webjobs_rules.job import JobType


class Status(StrEnum):
    """The status words of Azure WebJobs. Each is also the name of the event that enters it."""

    INITIALIZING = "Initializing"
    STARTING = "Starting"
    RUNNING = "Running"
    PENDING_RESTART = "PendingRestart"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    INACTIVE_INSTANCE = "InactiveInstance"
    SUCCESS = "Success"
    FAILED = "Failed"
    ABORTED = "Aborted"


class Reason(StrEnum):
    """Why a run or a process ended; the list is closed."""

    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    IDLE_TIMEOUT = "idle_timeout"
    MAX_DURATION = "max_duration"
    CANCELLED = "cancelled"
    RUNNER_LOST = "runner_lost"
    HOST_SHUTDOWN = "host_shutdown"
    START_ERROR = "start_error"
    NO_SCRIPT = "no_script"
    MISSING_INTERPRETER = "missing_interpreter"
    DEPENDENCIES = "dependencies"
    REPLACED = "replaced"
    DELETED = "deleted"
    STOPPED = "stopped"
    HEALTH_CHECK = "health_check"
    IMPORTED = "imported"


TERMINAL_STATUSES = frozenset({Status.SUCCESS, Status.FAILED, Status.ABORTED})
"""A triggered run that has one of these never changes again."""

RUN_STATUSES = (Status.INITIALIZING, Status.RUNNING, Status.SUCCESS, Status.FAILED, Status.ABORTED)
"""What a triggered run can be, in the order in which it goes on."""

_ENDS = frozenset({Status.SUCCESS, Status.FAILED, Status.ABORTED})
# Initializing may follow every status of an instance: there a runner starts over after it was lost.
_RESTART_OR_STOP = frozenset({Status.INITIALIZING, Status.STOPPING, Status.STOPPED})
_START_OR_STAND_BY = frozenset({Status.STARTING, Status.INACTIVE_INSTANCE})

TRANSITIONS: Mapping[JobType, Mapping[Status | None, frozenset[Status]]] = {
    JobType.TRIGGERED: {
        None: frozenset({Status.INITIALIZING}),
        Status.INITIALIZING: frozenset({Status.RUNNING}) | _ENDS,
        Status.RUNNING: _ENDS,
    },
    JobType.CONTINUOUS: {
        None: frozenset({Status.INITIALIZING}),
        Status.INITIALIZING: _START_OR_STAND_BY | _RESTART_OR_STOP,
        Status.STARTING: frozenset({Status.RUNNING, Status.PENDING_RESTART}) | _RESTART_OR_STOP,
        Status.RUNNING: frozenset({Status.PENDING_RESTART}) | _RESTART_OR_STOP,
        Status.PENDING_RESTART: _START_OR_STAND_BY | _RESTART_OR_STOP,
        Status.STOPPING: frozenset({Status.INITIALIZING, Status.STOPPED}),
        Status.STOPPED: frozenset({Status.INITIALIZING}) | _START_OR_STAND_BY,
        Status.INACTIVE_INSTANCE: frozenset({Status.STARTING}) | _RESTART_OR_STOP,
    },
}
"""From each status (None: nothing has happened yet), the statuses that may be entered."""


def is_terminal(status: Status) -> bool:
    """Whether a triggered run with this status has ended for good."""
    return status in TERMINAL_STATUSES


def next_status(job_type: JobType, current: Status | None, entered: Status) -> Status:
    """The status after an event that enters `entered`, given the one before.

    Raises:
        IllegalTransition: The status before does not lead there; a repeated or late event shows itself so.
    """
    if entered not in TRANSITIONS[job_type].get(current, frozenset()):
        raise IllegalTransition(current, entered)
    return entered
