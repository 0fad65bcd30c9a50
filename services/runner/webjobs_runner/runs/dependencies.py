"""What the parts of the runs core share."""

from dataclasses import dataclass

from webjobs_events.jetstream import Bus, Definitions

from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.runs.run_log import RunLogs


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """What the parts of the runs core share; none of it knows any of them.

    Attributes:
        bus: To NATS.
        instance: The identity of this runner.
        outbox: Of events.
        definitions: Of jobs.
        claims: On run commands.
        requests: To cancel runs.
        journal: Of unfinished runs, on disk.
        logs: Of runs.
    """

    bus: Bus
    instance: Instance
    outbox: Outbox
    definitions: Definitions
    claims: Claims
    requests: CancelRequests
    journal: RunJournal
    logs: RunLogs
