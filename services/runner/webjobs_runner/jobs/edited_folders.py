"""Deploys what was edited in a job's folder before the job's script is started."""

import asyncio
import time

from webjobs_events.jetstream import Definitions, JobKey
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType

from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.open_files import folders_being_written
from webjobs_runner.jobs.reconciler import Reconciler
from webjobs_runner.log import logger

QUIET_SECONDS = 1.0  # without a change, after which a folder is at rest
PATIENCE_SECONDS = 2.0  # for the folder to come to rest
_DEPLOY_SECONDS = 30.0  # for the deployment then
_LOOK_SECONDS = 0.1  # at least, between two looks


class EditedFolders:
    """The definition to run, after an edit in the job's folder was deployed."""

    def __init__(self, definitions: Definitions, installed: InstalledFolders, reconciler: Reconciler) -> None:
        self._definitions = definitions
        self._installed = installed
        self._reconciler = reconciler

    async def newest(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        """The newest definition of a job, which names what lies in its folder now.

        A folder that is not at rest in time is not deployed, nor is one that is refused: then it is the
        version deployed before.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        key = job_type, job_name
        definition = await self._definitions.newest(job_type, job_name)
        if definition is None or not await self._installed.has_edit(key):
            return definition
        await self.deploy_edit(key)
        return await self._definitions.newest(job_type, job_name)

    async def deploy_edit(self, key: JobKey) -> None:
        """Have the reconciler compare the job's folder and definition, once the folder is at rest."""
        if not await self._came_to_rest(key):
            logger.warning("edited folder not deployed before a start: it is not at rest", job=key[1])
            return
        try:
            async with asyncio.timeout(_DEPLOY_SECONDS):
                await self._reconciler.reconcile_now(key)
        except TimeoutError:
            logger.warning("edited folder not deployed before a start: it takes too long", job=key[1])

    async def _came_to_rest(self, key: JobKey) -> bool:
        """Wait until nothing has changed for a while and no file is being written; False when too long."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        missing_since: float | None = None
        folder = self._installed.folder_of(key)
        while folder is not None:
            changed_at = await asyncio.to_thread(self._installed.newest_change, key)
            if changed_at is None:  # a folder that is being replaced is missing for a moment
                changed_at = missing_since = missing_since or time.time()
            left = changed_at + QUIET_SECONDS - time.time()
            if left <= 0 and not await asyncio.to_thread(folders_being_written, [folder]):
                return True
            patience = give_up_at - time.monotonic()
            if patience <= 0:
                return False
            await asyncio.sleep(min(max(left, _LOOK_SECONDS), patience))
        return True
