"""What runners refused of jobs, as they publish it until it is fixed."""

import asyncio
from contextlib import suppress

import structlog
from aiohttp import web
from webjobs_events.errors import InvalidToken, UndecodableMessage
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.refusal import Refusal, RefusalSource, decode_refusal
from webjobs_events.subjects import token_of
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.runners import Runners

_KEYS = "refusal.>"
_SETTLE_SECONDS = 5.0
_SENT = {RefusalSource.UPLOAD: "The upload of", RefusalSource.SETTINGS: "The settings sent at"}

log = structlog.stdlib.get_logger(__name__)


class Refusals:
    """An async context manager: what was refused, current while it is entered.

    What was refused in a folder counts while the runner is alive that has the folder.
    """

    def __init__(self, bus: Bus, runners: Runners) -> None:
        self._bus = bus
        self._runners = runners
        self._of_job: dict[str, dict[str, Refusal]] = {}  # by end of the keys, then by key
        self._mirror = bus.leases.mirror(self._changed, keys=_KEYS)

    async def __aenter__(self) -> "Refusals":
        await self._mirror.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._mirror.__aexit__(*exc_info)

    def all(self) -> list[Refusal]:
        """Every refusal, by type and name of the folder."""
        known = (each for of_job in self._of_job.values() for each in of_job.values())
        listed = [each for each in known if self._counts(each)]
        return sorted(listed, key=lambda each: (each.job_type, each.folder_name, each.source, each.instance))

    async def caught_up(self) -> None:
        """Wait until every refusal that is published by now is known here.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        bucket = self._bus.leases
        newest = await self._bus.last_message(bucket.stream, bucket.subject_of(_KEYS))
        if newest is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_SECONDS):
                    await self._mirror.reached(newest.sequence)

    def reason(self, job_type: JobType, job_name: JobName) -> str | None:
        """Why the newest folder, upload or settings of a job were refused; None when they were not."""
        if not self._of_job:
            return None
        try:
            of_job = self._of_job.get(f"{job_type}.{token_of(job_name)}", {})
        except (InvalidJobName, InvalidToken):
            return None
        found = [each for each in of_job.values() if self._counts(each)]
        return _sentence(max(found, key=lambda each: each.at)) if found else None

    def _counts(self, refusal: Refusal) -> bool:
        return refusal.source is not RefusalSource.FOLDER or self._runners.is_alive(refusal.instance)

    def _changed(self, key: str, entry: Entry | None) -> None:
        job = key.split(".", 2)[-1]
        of_job = self._of_job.pop(job, {})
        of_job.pop(key, None)
        try:
            if entry is not None:
                of_job[key] = decode_refusal(key, entry.value)
        except UndecodableMessage as error:
            log.error("refusal ignored: it cannot be read", key=key, error=str(error))
        if of_job:
            self._of_job[job] = of_job


def _sentence(refusal: Refusal) -> str:
    """What a job says of a refusal; what runs may be older than what was sent."""
    sent = _SENT.get(refusal.source)
    if sent is None:
        return refusal.reason
    verb = "was" if refusal.source is RefusalSource.UPLOAD else "were"
    return f"{sent} {refusal.at:%Y-%m-%d %H:%M:%S} UTC {verb} refused: {refusal.reason}"


REFUSALS = web.AppKey("refusals", Refusals)
