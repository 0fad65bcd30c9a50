"""What has happened: one frozen message for each lifecycle event, and ids that make a repeat harmless.

An event's name is the status entered, or a word in the past tense. Bodies are self-sufficient and small.
Within version 1 fields are only added; readers ignore what they do not know.
"""

from webjobs_events.events.acknowledgements import (
    Acknowledged,
    AcknowledgementEvent,
    AcknowledgementWithdrawn,
    Covered,
    Term,
    acknowledgement_id_of,
)
from webjobs_events.events.continuous import (
    AnyContinuousEvent,
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    ProcessEnded,
)
from webjobs_events.events.definitions import (
    AnyJobEvent,
    Deleted,
    Deployed,
    DeployFailed,
    Disabled,
    Enabled,
    JobChanged,
    JobEvent,
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
    InstanceEvent,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
)
from webjobs_events.events.retention import Purged
from webjobs_events.events.runs import (
    AnyRunEvent,
    RunAborted,
    RunEnded,
    RunEvent,
    RunFailed,
    RunInitializing,
    RunProgressed,
    RunRunning,
    RunSuccess,
)
from webjobs_events.events.schedule import ScheduleTicked, TickOutcome
from webjobs_events.events.vocabulary import EVENT_TYPES, AnyEvent, schema_file

__all__ = [
    "EVENT_TYPES",
    "Acknowledged",
    "AcknowledgementEvent",
    "AcknowledgementWithdrawn",
    "AnyContinuousEvent",
    "AnyEvent",
    "AnyInstanceEvent",
    "AnyJobEvent",
    "AnyRunEvent",
    "ContinuousEvent",
    "ContinuousInactiveInstance",
    "ContinuousInitializing",
    "ContinuousPendingRestart",
    "ContinuousRunning",
    "ContinuousStarting",
    "ContinuousStopped",
    "ContinuousStopping",
    "Covered",
    "Deleted",
    "DeployFailed",
    "Deployed",
    "Disabled",
    "DiskLow",
    "DiskOk",
    "Enabled",
    "Event",
    "InstanceEvent",
    "InstanceLost",
    "InstanceStarted",
    "InstanceStopped",
    "JobChanged",
    "JobEvent",
    "ProcessEnded",
    "Purged",
    "Removed",
    "RestartRequested",
    "RunAborted",
    "RunEnded",
    "RunEvent",
    "RunFailed",
    "RunInitializing",
    "RunProgressed",
    "RunRunning",
    "RunSuccess",
    "ScheduleTicked",
    "SettingsChanged",
    "SettingsRefused",
    "Term",
    "TickOutcome",
    "acknowledgement_id_of",
    "schema_file",
]
