"""What a runner opens before anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_service.loop_watchdog import LoopWatchdog

from webjobs_runner.files.site import Site
from webjobs_runner.files.working_copy import WorkingCopies
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.process import Launcher
from webjobs_runner.runs.run_journal import RunJournal
from webjobs_runner.runs.status_file import StatusFiles


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened before all components, and closed after them.

    Attributes:
        instance: The identity of this runner.
        site: The site folder.
        state: The runner's own folder in it.
        temporary: The runner's own temporary folder.
        copies: Working copies, in the temporary folder.
        bus: To NATS.
        live: App settings as they are now.
        outbox: Of events.
        journal: Of unfinished runs, on disk.
        statuses: Status files of runs.
        launcher: Of scripts.
        environment: Of the runner, as it was started.
        watchdog: Of the event loop.
    """

    instance: Instance
    site: Site
    state: Path
    temporary: Path
    copies: WorkingCopies
    bus: Bus
    live: LiveSettings
    outbox: Outbox
    journal: RunJournal
    statuses: StatusFiles
    launcher: Launcher
    environment: Mapping[str, str]
    watchdog: LoopWatchdog
