"""The continuous jobs of this runner: one supervisor each, from the first definition to the last."""

import asyncio

from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition, JobName
from webjobs_events.status import Reason

from webjobs_runner.continuous_log import ContinuousLog
from webjobs_runner.log import logger
from webjobs_runner.log_shipper import LogShipper
from webjobs_runner.site import Site
from webjobs_runner.supervisor import Supervisor, Workshop

_SETTINGS_THAT_MATTER = frozenset({"WEBJOBS_STOPPED", "WEBJOBS_RESTART_TIME"})
_RETRY_DELAY = 5.0  # seconds before a supervisor that failed is begun again
_LOG_PATIENCE = 0.5  # seconds


class ContinuousJobs:
    """Starts and ends supervisors as definitions come and go."""

    def __init__(self, bus: Bus, site: Site, shop: Workshop, shipper: LogShipper) -> None:
        self._bus = bus
        self._site = site
        self._shop = shop
        self._shipper = shipper
        self._supervisors: dict[JobName, Supervisor] = {}
        self._tasks: dict[JobName, asyncio.Task[None]] = {}
        self._wanted: dict[JobName, JobDefinition] = {}
        self._open = True
        shop.settings.on_change(self._setting_changed)

    def __len__(self) -> int:
        return len(self._tasks)

    def define(self, job_name: JobName, definition: JobDefinition | None) -> None:
        """A job is defined like this now; None: it is no more."""
        if definition is None:
            self._wanted.pop(job_name, None)
        else:
            self._wanted[job_name] = definition
        supervisor = self._supervisors.get(job_name)
        if supervisor is not None and definition is not None:
            supervisor.update(definition)
        elif supervisor is not None:
            supervisor.end(Reason.DELETED, "The job was deleted.")
            del self._supervisors[job_name]
        elif definition is not None:
            self._begin(job_name)

    async def close(self, evidence: str) -> None:
        """Stop them all at the same time; returns when none of their processes is left."""
        self._open = False
        for supervisor in self._supervisors.values():
            supervisor.end(Reason.HOST_SHUTDOWN, evidence)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _begin(self, job_name: JobName) -> None:
        if not self._open or job_name in self._tasks:
            return
        definition = self._wanted[job_name]
        log = ContinuousLog(self._bus, self._site, self._shop.instance.id, job_name, self._shipper)
        supervisor = self._supervisors[job_name] = Supervisor(self._shop, definition, log)
        self._tasks[job_name] = task = asyncio.create_task(self._keep(supervisor, job_name, log))
        task.add_done_callback(lambda _: self._ended(job_name))

    async def _keep(self, supervisor: Supervisor, job_name: JobName, log: ContinuousLog) -> None:
        while True:
            try:
                await supervisor.run()
                await log.shipped(_LOG_PATIENCE)
                return
            except Exception:
                logger.exception("supervisor failed; it begins again", job=job_name)
                await asyncio.sleep(_RETRY_DELAY)

    def _ended(self, job_name: JobName) -> None:
        """The last process of a job is gone; if it was defined again meanwhile, begin again."""
        del self._tasks[job_name]
        if job_name in self._wanted:
            self._begin(job_name)

    def _setting_changed(self, name: str) -> None:
        if name in _SETTINGS_THAT_MATTER:
            for supervisor in self._supervisors.values():
                supervisor.poke()
