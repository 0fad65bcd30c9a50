"""Deploys the jobs whose files an upload has changed, without waiting for their folders to come to rest."""

import asyncio
from collections.abc import Iterable

from webjobs_events.files import ChangedJob, JobOutcome
from webjobs_events.jetstream import Definitions
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobType, parse_job_name
from webjobs_rules.trace import Trace

from webjobs_runner.domain.site_path import SitePath, job_of
from webjobs_runner.jobs.reconciler import Reconciler

_DEPLOY_SECONDS = 60.0  # for all jobs of an upload


class ChangedJobs:
    """Has the reconciler take the folders as they are now, and reports what became of each job."""

    def __init__(self, definitions: Definitions, reconciler: Reconciler) -> None:
        self._definitions = definitions
        self._reconciler = reconciler

    async def deploy(self, changed: Iterable[SitePath], trace: Trace | None) -> list[ChangedJob]:
        """Deploy the jobs in whose folders these paths lie; returns one entry for each, by type and name.

        Events about them belong to `trace`.
        """
        folders = sorted({job for path in changed if (job := job_of(path)) is not None})
        deadline = asyncio.get_running_loop().time() + _DEPLOY_SECONDS
        return list(await asyncio.gather(*(self._deploy(*folder, deadline, trace) for folder in folders)))

    async def _deploy(
        self, job_type: JobType, folder_name: str, deadline: float, trace: Trace | None
    ) -> ChangedJob:
        def ended(outcome: JobOutcome, reason: str = "", warnings: Iterable[str] = ()) -> ChangedJob:
            return ChangedJob(
                job_type=job_type,
                folder_name=folder_name,
                outcome=outcome,
                reason=reason,
                warnings=list(warnings),
            )

        try:
            key = job_type, parse_job_name(folder_name)
        except InvalidJobName as error:
            return ended(JobOutcome.REFUSED, str(error))
        try:
            async with asyncio.timeout_at(deadline):
                await self._reconciler.reconcile_now(key, trace)
        except TimeoutError:
            return ended(JobOutcome.UNKNOWN)
        definition = self._definitions.get(*key)
        if reason := self._reconciler.refusal_of(key):
            return ended(JobOutcome.REFUSED, reason)
        if definition is None:
            return ended(JobOutcome.REMOVED)
        return ended(JobOutcome.DEPLOYED, warnings=definition.all_warnings)
