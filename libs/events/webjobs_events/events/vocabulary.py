"""The whole vocabulary: every event by its kind and name, and the unions of those of a kind."""

from webjobs_events.events.acknowledgements import Acknowledged, AcknowledgementWithdrawn
from webjobs_events.events.continuous import (
    AnyContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
)
from webjobs_events.events.definitions import (
    AnyJobEvent,
    Deleted,
    DependenciesFailed,
    DependenciesPrepared,
    Deployed,
    DeployFailed,
    Disabled,
    Enabled,
    Removed,
    RestartRequested,
    SettingsChanged,
    SettingsRefused,
)
from webjobs_events.events.event import Event
from webjobs_events.events.instances import (
    AnyInstanceEvent,
    DiskLow,
    DiskOk,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
)
from webjobs_events.events.retention import Purged
from webjobs_events.events.runs import (
    AnyRunEvent,
    RunAborted,
    RunFailed,
    RunImported,
    RunInitializing,
    RunProgressed,
    RunRunning,
    RunSuccess,
)
from webjobs_events.events.schedule import ScheduleTicked

AnyEvent = (
    AnyRunEvent
    | RunProgressed
    | RunImported
    | AnyContinuousEvent
    | AnyJobEvent
    | ScheduleTicked
    | Purged
    | Acknowledged
    | AcknowledgementWithdrawn
    | AnyInstanceEvent
)

_RUN: tuple[type[Event], ...] = (
    RunInitializing,
    RunRunning,
    RunSuccess,
    RunFailed,
    RunAborted,
    RunProgressed,
    RunImported,
    ScheduleTicked,
    Purged,
)
_CONTINUOUS: tuple[type[Event], ...] = (
    ContinuousInitializing,
    ContinuousStarting,
    ContinuousRunning,
    ContinuousPendingRestart,
    ContinuousStopping,
    ContinuousStopped,
    ContinuousInactiveInstance,
)
_JOB: tuple[type[Event], ...] = (
    Deployed,
    SettingsChanged,
    Enabled,
    Disabled,
    Removed,
    Deleted,
    DeployFailed,
    SettingsRefused,
    DependenciesPrepared,
    DependenciesFailed,
    Acknowledged,
    AcknowledgementWithdrawn,
)
_INSTANCE: tuple[type[Event], ...] = (
    InstanceStarted,
    InstanceStopped,
    InstanceLost,
    DiskLow,
    DiskOk,
)


def _by_name(kind: str, classes: tuple[type[Event], ...]) -> dict[tuple[str, str], type[Event]]:
    return {(kind, str(event.__struct_config__.tag)): event for event in classes}


EVENT_TYPES: dict[tuple[str, str], type[Event]] = {
    **_by_name("triggered", _RUN + _JOB),
    **_by_name("continuous", (*_CONTINUOUS, *_JOB, RestartRequested)),
    **_by_name("instance", _INSTANCE),
}
"""The whole vocabulary: (kind, event name) → the message's type."""


def schema_file(kind: str, name: str) -> str:
    """The file with the JSON Schema of an event's body, to which its `ce-dataschema` points."""
    return f"{kind}.{name}.v1.json"
