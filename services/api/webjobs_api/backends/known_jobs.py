"""The jobs as the api shows them: their definitions, with what is wrong about each."""

import asyncio
import unicodedata
from typing import Any

import structlog
from aiohttp import web
from msgspec.structs import replace
from webjobs_events.errors import BusUnavailable, UnreadableDefinition
from webjobs_events.jetstream import Bus, Definitions, JobKey
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.known_job import KnownJob, known_job, unreadable_job
from webjobs_api.backends.refusals import Refusals
from webjobs_api.http.job_errors import JobNotFound

log = structlog.stdlib.get_logger(__name__)

_SETTLE_TIMEOUT = 5.0  # seconds


class KnownJobs:
    """An async context manager: every job, current while it is entered.

    A job whose stored definition cannot be read is a job too: it has an error, and can be replaced or
    deleted.
    """

    def __init__(self, bus: Bus, refusals: Refusals) -> None:
        self._bus = bus
        self._refusals = refusals
        self._known: dict[JobKey, KnownJob] = {}
        self._change = asyncio.Event()
        self._definitions = Definitions(bus)
        self._definitions.on_change(self._changed)
        self._definitions.on_unreadable(self._unreadable)

    async def __aenter__(self) -> "KnownJobs":
        await self._definitions.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._definitions.__aexit__(*exc_info)

    def all_of(self, job_type: JobType) -> list[JobDefinition]:
        """Every job of a type."""
        return [self._shown(known) for known in self._known.values() if known.job_type is job_type]

    def settings_of(self, job_type: JobType) -> dict[JobName, dict[str, Any]]:
        """The settings of every job of a type."""
        return {each.job_name: each.settings for each in self.all_of(job_type)}

    async def find(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        """A job's definition; one that the mirror lacks is looked up before it counts as absent.

        When no job is spelled so, one is meant that differs in case (docs/compatibility.md#jobs), or
        whose letters are composed otherwise: macOS writes `ä` as two characters.

        Raises:
            BusUnavailable: The mirror lacks it and NATS does not answer.
        """
        known = self._known.get((job_type, job_name))
        if known is not None:
            return self._shown(known)
        return await self.read(job_type, job_name) or self._spelled_otherwise(job_type, job_name)

    async def get(self, job_type: JobType, job_name: JobName) -> JobDefinition:
        """The same for a job that must be there.

        Raises:
            JobNotFound: There is none.
            BusUnavailable: NATS does not answer.
        """
        definition = await self.find(job_type, job_name)
        if definition is None:
            raise JobNotFound(job_type, job_name, self._refusals.reason(job_type, job_name))
        return definition

    async def read(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        """A job's definition as the bucket has it now.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        try:
            found = await self._definitions.current(job_type, job_name)
        except UnreadableDefinition as fault:
            return unreadable_job(fault)
        return self._shown(known_job(found[0])) if found else None

    async def revision(self, job_type: JobType, job_name: JobName) -> int:
        """Revision of a job's definition now; 0 when there is none.

        Raises:
            UnreadableDefinition: It cannot be read.
            BusUnavailable: NATS does not answer.
        """
        found = await self._definitions.current(job_type, job_name)
        return found[1] if found else 0

    async def settled(self, job_type: JobType, job_name: JobName, revision: int) -> None:
        """Wait until the mirror shows a change, so that its author reads it.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            revision: Of the definition after the change; 0 when the job is gone.
        """
        try:
            async with asyncio.timeout(_SETTLE_TIMEOUT):
                if revision:
                    await self._definitions.reached(revision)
                while not revision and (job_type, job_name) in self._known:
                    self._change.clear()
                    await self._change.wait()
        except TimeoutError:
            # Reads go on to look a missing job up, so only a job that is gone may still be shown.
            log.warning("the mirror of definitions lags", job=job_name, type=job_type, revision=revision)

    async def caught_up(self) -> None:
        """Wait until the mirror shows every change that the bucket has now.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        revision = await self._bus.last_sequence(self._bus.jobs.stream)
        try:
            async with asyncio.timeout(_SETTLE_TIMEOUT):
                await self._definitions.reached(revision)
        except TimeoutError as error:
            raise BusUnavailable("reading definitions", "the mirror lags") from error

    def _spelled_otherwise(self, job_type: JobType, job_name: JobName) -> JobDefinition | None:
        wanted = _folded(job_name)
        return next((each for each in self.all_of(job_type) if _folded(each.job_name) == wanted), None)

    def _changed(self, key: JobKey, definition: JobDefinition | None) -> None:
        if definition is None:
            self._known.pop(key, None)
        else:
            self._known[key] = known_job(definition)
        self._change.set()

    def _unreadable(self, fault: UnreadableDefinition) -> None:
        job = unreadable_job(fault)
        self._known[job.job_type, job.job_name] = job

    def _shown(self, known: KnownJob) -> KnownJob:
        """The job with what runners refused in its folder."""
        if known.unreadable:
            return known
        refused = self._refusals.reason(known.job_type, known.job_name)
        return replace(known, error=refused) if refused else known


def _folded(job_name: JobName) -> str:
    return unicodedata.normalize("NFC", job_name).casefold()


DEFINITIONS = web.AppKey("definitions", KnownJobs)
