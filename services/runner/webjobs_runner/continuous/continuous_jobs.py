"""The continuous jobs of this runner: one supervisor each, from the first definition to the last."""

import asyncio
from functools import partial
from pathlib import Path
from types import TracebackType

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName
from webjobs_rules.status import Reason
from webjobs_service.lifetime import cancel_all

from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.supervisor import Supervisor
from webjobs_runner.continuous.usage_reports import RunningScript
from webjobs_runner.files.site import Site
from webjobs_runner.log import logger
from webjobs_runner.logs.continuous_log import ContinuousLog
from webjobs_runner.logs.log_shipper import LogShipper

_SETTINGS_THAT_MATTER = frozenset({"WEBJOBS_STOPPED", "WEBJOBS_RESTART_TIME"})
_RETRY_DELAY = 5.0  # seconds before a supervisor that failed is begun again
_LOST = "InstanceLost"


class ContinuousJobs:
    """An async context manager that starts and ends supervisors as definitions come and go.

    Args:
        logs_folder: A folder of the runner's own for what is needed to ship logs.
    """

    def __init__(
        self,
        bus: Bus,
        site: Site,
        logs_folder: Path,
        dependencies: ContinuousDependencies,
        shipper: LogShipper,
    ) -> None:
        self._bus = bus
        self._site = site
        self._logs_folder = logs_folder
        self._dependencies = dependencies
        self._shipper = shipper
        self._supervisors: dict[JobName, Supervisor] = {}
        self._tasks: dict[JobName, asyncio.Task[None]] = {}
        self._logs: dict[JobName, ContinuousLog] = {}
        self._wanted: dict[JobName, JobDefinition] = {}
        self._lapsed = asyncio.Event()
        self._last_lost_sequence = 0  # sequence of the latest event that reported this runner lost
        self._is_open = True
        dependencies.settings.on_change(self._setting_changed)

    async def __aenter__(self) -> "ContinuousJobs":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what `close` has not ended in good order."""
        self._is_open = False
        tasks = list(self._tasks.values())
        await cancel_all(*tasks)
        for log in self._logs.values():
            log.close()

    def __len__(self) -> int:
        return len(self._tasks)

    def define(self, job_name: JobName, definition: JobDefinition | None) -> None:
        """A job is defined like this now; None: it is no more."""
        supervisor = self._supervisors.get(job_name)
        if definition is None:
            self._wanted.pop(job_name, None)
            if supervisor is not None:
                supervisor.end(Reason.DELETED, "The job was deleted.")
                del self._supervisors[job_name]
            return
        self._wanted[job_name] = definition
        if supervisor is not None:
            supervisor.update(definition)
        else:
            self._begin(job_name)

    def has_run_of(self, job_name: JobName) -> bool:
        """Whether anything of this job may run here."""
        return job_name in self._tasks

    def port_of(self, job_name: JobName) -> int | None:
        """WEBJOBS_PORT of the job's running script; None when none runs here."""
        supervisor = self._supervisors.get(job_name)
        return supervisor.port if supervisor else None

    def running(self) -> list[RunningScript]:
        """The scripts that run here at the moment."""
        scripts = (supervisor.running for supervisor in self._supervisors.values())
        return [script for script in scripts if script is not None]

    def discard_log(self, job_name: JobName) -> None:
        """Remove what this runner keeps for itself of a deleted job's log, that of earlier boots included."""
        if job_name not in self._tasks and job_name not in self._wanted:
            log = self._logs.pop(job_name, None) or self._new_log(job_name)
            log.discard()

    async def close(self, evidence: str) -> None:
        """Stop them all at the same time; returns when none of their processes is left."""
        self._is_open = False
        for supervisor in self._supervisors.values():
            supervisor.end(Reason.HOST_SHUTDOWN, evidence)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def lapsed(self) -> None:
        """Our lease had a gap: others may have reported this runner lost."""
        self._lapsed.set()

    async def run(self) -> None:
        """Publish every status again after another runner took this one for lost, until cancelled."""
        while True:
            await self._lapsed.wait()
            self._lapsed.clear()
            # Once more after a term: a loss decided before our lease held again may be published late.
            for wait in (0, self._dependencies.terms.seconds):
                await asyncio.sleep(wait)
                await self._contradict()

    async def _contradict(self) -> None:
        instance = self._dependencies.instance
        subject = self._bus.subjects.instance_event(instance.id, _LOST)
        try:
            found = await self._bus.last_message(self._bus.subjects.events_stream, subject)
        except BusUnavailable:
            self._lapsed.set()
            return
        if (
            found is None
            or found.sequence <= self._last_lost_sequence
            or instance.boot not in found.headers.get("ce-id", "")
        ):
            return
        self._last_lost_sequence = found.sequence
        for supervisor in self._supervisors.values():
            supervisor.republish()

    def _begin(self, job_name: JobName) -> None:
        if not self._is_open or job_name in self._tasks or job_name not in self._wanted:
            return
        log = self._logs[job_name] = self._logs.get(job_name) or self._new_log(job_name)
        supervisor = self._supervisors[job_name] = Supervisor(self._dependencies, self._wanted[job_name], log)
        self._tasks[job_name] = task = asyncio.create_task(supervisor.run())
        task.add_done_callback(partial(self._ended, job_name))

    def _new_log(self, job_name: JobName) -> ContinuousLog:
        return ContinuousLog(
            self._bus,
            self._site,
            self._logs_folder,
            self._dependencies.instance.id,
            job_name,
            self._shipper,
            self._dependencies.cap,
        )

    def _ended(self, job_name: JobName, task: "asyncio.Task[None]") -> None:
        """The last process of a job is gone; if it was defined again meanwhile, begin again."""
        del self._tasks[job_name]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("supervisor failed; it begins again", job=job_name, exc_info=error)
            self._supervisors.pop(job_name, None)
            asyncio.get_running_loop().call_later(_RETRY_DELAY, self._begin, job_name)
        elif job_name in self._wanted:
            self._begin(job_name)
        elif self._logs[job_name].is_shipped:
            self._logs.pop(job_name).close()

    def _setting_changed(self, name: str) -> None:
        if name in _SETTINGS_THAT_MATTER:
            for supervisor in self._supervisors.values():
                supervisor.wake()
