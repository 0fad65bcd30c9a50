"""What runners refused of folders, uploads and settings, published until it is fixed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from webjobs_events.errors import RevisionConflict, UndecodableMessage
from webjobs_events.jetstream import Bus
from webjobs_events.refusal import MAX_REASON, Refusal, RefusalSource, decode_refusal, encode_refusal
from webjobs_events.subjects import Subjects, token_of
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType
from webjobs_service.lifetime import LongLived

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger

_API_DAYS = 30  # that what was sent to the api is remembered, if it is not fixed before
_TRACE_SECONDS = 60  # that a refusal leaves a trace, for those who follow the bucket


class Refusals(LongLived):
    """Written when they change only: what is published already costs nothing."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance
        self._mirror = bus.leases.mirror(keys="refusal.>")

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Know what is published while the body runs."""
        async with self._mirror:
            yield

    def own(self) -> list[tuple[JobType, str]]:
        """Type and folder name of each refusal of this runner, those of earlier starts included."""
        found = []
        prefix = f"refusal.{self._instance.id}."
        for key, entry in self._entries():
            if key.startswith(prefix):
                try:
                    refusal = decode_refusal(key, entry)
                except UndecodableMessage as error:
                    logger.error("unreadable refusal left alone", key=key, error=str(error))
                    continue
                found.append((refusal.job_type, refusal.folder_name))
        return found

    async def put(self, job_type: JobType, folder_name: str, reason: str) -> None:
        """Publish that a folder was refused; an empty reason: it is fixed.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        try:
            key = Subjects.refusal_key(self._instance.id, job_type, folder_name)
        except InvalidJobName:  # a name that is no UTF-8: the log says it
            return
        published = self._published(key)
        if not reason:
            if published is not None or self._has(key):
                await self._delete(key)
            return
        reason = reason[:MAX_REASON]
        if published is not None and published.reason == reason:
            return
        refusal = Refusal(
            job_type=job_type,
            folder_name=folder_name,
            reason=reason,
            at=datetime.now(UTC),
            instance=self._instance.id,
        )
        await self._bus.leases.put(key, encode_refusal(refusal))

    async def put_sent(
        self, source: RefusalSource, job_type: JobType, job_name: JobName, reason: str
    ) -> None:
        """Publish that something that was sent to the api was refused.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        refusal = Refusal(
            job_type=job_type,
            folder_name=job_name,
            reason=reason[:MAX_REASON],
            at=datetime.now(UTC),
            instance=self._instance.id,
            source=source,
        )
        key = Subjects.api_refusal_key(source, job_type, job_name)
        await self._bus.leases.put(key, encode_refusal(refusal), ttl=_API_DAYS * 24 * 3600)

    async def forget_sent(self, job_type: JobType, job_name: JobName, *sources: RefusalSource) -> None:
        """Remove what was refused of what was sent to the api, by whichever runner.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        wanted = sources or (RefusalSource.UPLOAD, RefusalSource.SETTINGS)
        keys = [Subjects.api_refusal_key(source, job_type, job_name) for source in wanted]
        # Read again: another runner may have put one just now.
        entries = await asyncio.gather(*(self._bus.leases.get(key) for key in keys))
        for key, entry in zip(keys, entries, strict=True):
            if entry is not None:
                await self._delete(key)

    async def resolved(self, job_type: JobType, job_name: JobName) -> None:
        """Remove what any runner refused of a job, whose new version takes the place of all of it.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        await self.forget_sent(job_type, job_name)
        suffix = f".{job_type}.{token_of(job_name)}"
        for key, _ in self._entries():
            if key.endswith(suffix):
                await self._delete(key)

    def _entries(self) -> list[tuple[str, bytes]]:
        return [(key, entry.value) for key, entry in self._mirror.entries.items()]

    def _has(self, key: str) -> bool:
        return self._mirror.get(key) is not None

    def _published(self, key: str) -> Refusal | None:
        entry = self._mirror.get(key)
        try:
            return decode_refusal(key, entry.value) if entry else None
        except UndecodableMessage:
            return None

    async def _delete(self, key: str) -> None:
        try:
            await self._bus.leases.delete(key, marker_ttl=_TRACE_SECONDS)
        except RevisionConflict as error:
            logger.debug("refusal left behind", key=key, error=str(error))
