"""What every supervisor of a runner shares."""

from dataclasses import dataclass

from webjobs_events.jetstream import LiveSettings

from webjobs_runner.continuous.continuous_status import EventNumbers
from webjobs_runner.continuous.ports import Ports
from webjobs_runner.continuous.singleton import SingletonLeases
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.logs.log_cap import LogCap
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.script_start import ScriptStarter


@dataclass(frozen=True, slots=True)
class ContinuousDependencies:
    """What every supervisor of a runner shares."""

    instance: Instance
    settings: LiveSettings
    starter: ScriptStarter
    folders: EditedFolders
    outbox: Outbox
    leases: SingletonLeases
    terms: LeaseTerms
    numbers: EventNumbers
    ports: Ports
    cap: LogCap
