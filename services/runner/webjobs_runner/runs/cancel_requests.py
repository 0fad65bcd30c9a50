"""Requests that runs end: cancelled by a person, or replaced by another run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from webjobs_events.cancel_request import (
    CANCEL_REQUEST_TTL,
    CancelRequest,
    decode_cancel_request,
    encode_cancel_request,
)
from webjobs_events.errors import InvalidToken, RevisionConflict, UndecodableMessage
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.subjects import Subjects, name_of
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_service.lifetime import LongLived

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.log import logger
from webjobs_runner.runs.key_removals import KeyRemovals
from webjobs_runner.runs.run_registry import RunRegistry

_TRACE_SECONDS = 60  # that the request of a run that has ended leaves a trace, for other mirrors


class CancelRequests(LongLived):
    """Mirrors every cancel request while entered, and passes it on to the run that it is about."""

    def __init__(self, bus: Bus, registry: RunRegistry) -> None:
        self._bus = bus
        self._registry = registry
        self._mirror = bus.leases.mirror(self._changed, keys="cancel.>")
        self.removals = KeyRemovals(bus, _TRACE_SECONDS)
        """Of dropped requests."""
        self.unhandled: asyncio.Queue[tuple[JobName, RunId]] = asyncio.Queue()
        """Runs with a request that do not run here: `UnstartedRuns` ends those that no runner has begun."""

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Mirror the requests while the body runs."""
        async with self._mirror:
            yield

    def of(self, job_name: JobName, run_id: RunId) -> CancelRequest | None:
        """Returns the request to cancel a run, as mirrored; None when there is none."""
        if not self._mirror.entries:
            return None
        key = Subjects.cancel_key(job_name, run_id)
        entry = self._mirror.get(key)
        if entry is None:
            return None
        try:
            return decode_cancel_request(key, entry.value)
        except UndecodableMessage as error:
            logger.error("unreadable cancel request left alone", key=key, error=str(error))
            return None

    def of_attempt(self, attempt: Attempt) -> CancelRequest | None:
        """Returns the request to cancel an attempt, or the one before it; None when there is none."""
        request = self.of(attempt.job_name, attempt.run_id)
        if request is None and attempt.retry_of is not None:
            request = self.of(attempt.job_name, attempt.retry_of)
        return request

    async def make(self, job_name: JobName, run_id: RunId, request: CancelRequest) -> None:
        """Request that a run end, unless there is a request already.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        try:
            key = Subjects.cancel_key(job_name, run_id)
            await self._bus.leases.create(key, encode_cancel_request(request), ttl=CANCEL_REQUEST_TTL)
        except RevisionConflict:
            logger.debug("cancel request exists already", job=job_name, run_id=run_id)

    async def drop(self, job_name: JobName, run_id: RunId) -> None:
        """Remove the request of a run that has ended, if there is one."""
        key = Subjects.cancel_key(job_name, run_id)
        if self._mirror.get(key) is None:
            return
        await self.removals.remove(key)

    def pass_on(self, job_name: JobName, run_id: RunId) -> None:
        """Pass the request of a run on: to the run if it runs here, else to `unhandled`."""
        execution = self._registry.execution_of(job_name, run_id)
        if execution is None:
            self.unhandled.put_nowait((job_name, run_id))
        elif (request := self.of(job_name, run_id)) is not None:
            execution.request_end(request.reason, request.evidence)

    def _changed(self, key: str, entry: Entry | None) -> None:
        run = _run_of(key)
        if entry is not None and run is not None:
            self.pass_on(*run)


def _run_of(key: str) -> tuple[JobName, RunId] | None:
    try:
        _, token, run_id = key.split(".")
        return name_of(token), RunId(run_id)
    except (ValueError, InvalidToken):
        logger.error("cancel request of no run left alone", key=key)
        return None
