"""CancelRequests that runs be ended: cancelled by a person, or replaced by another run."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from webjobs_events.cancel_request import (
    CANCEL_REQUEST_TTL,
    CancelRequest,
    decode_cancel_request,
    encode_cancel_request,
)
from webjobs_events.errors import BusUnavailable, InvalidToken, RevisionConflict, UndecodableMessage
from webjobs_events.jetstream import BucketMirror, Bus, Entry
from webjobs_events.job import JobName
from webjobs_events.run_id import RunId
from webjobs_events.subjects import Subjects, name_of

from webjobs_runner.log import logger

_TRACE_SECONDS = 60  # that a wish which was met leaves a trace, for those who watch


class CancelRequests:
    """Knows every wish while `followed`; what is known costs nobody a question."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._mirror: BucketMirror | None = None
        self.on_wish: Callable[[JobName, RunId], None] = lambda _job_name, _run_id: None
        """Told of each wish."""

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Know the wishes while the body runs."""
        async with self._bus.leases.mirror(self._changed, keys="cancel.>") as mirror:
            self._mirror = mirror
            yield

    def of(self, job_name: JobName, run_id: RunId) -> CancelRequest | None:
        """The wish about a run, as last told; None when there is none."""
        if self._mirror is None or not self._mirror.entries:
            return None
        key = Subjects.cancel_key(job_name, run_id)
        entry = self._mirror.get(key)
        if entry is None:
            return None
        try:
            return decode_cancel_request(key, entry.value)
        except UndecodableMessage as error:
            logger.error("unreadable wish left alone", key=key, error=str(error))
            return None

    def all(self) -> list[tuple[JobName, RunId]]:
        """The runs that a wish is about."""
        keys = self._mirror.entries if self._mirror is not None else ()
        return [run for run in map(_run_of, keys) if run is not None]

    async def make(self, job_name: JobName, run_id: RunId, wish: CancelRequest) -> None:
        """Wish that a run be ended, if nobody does already.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        try:
            key = Subjects.cancel_key(job_name, run_id)
            await self._bus.leases.create(key, encode_cancel_request(wish), ttl=CANCEL_REQUEST_TTL)
        except RevisionConflict:
            logger.debug("somebody wished so already", job=job_name, run_id=run_id)

    async def drop(self, job_name: JobName, run_id: RunId) -> None:
        """Remove the wish about a run that has ended, if there is one."""
        key = Subjects.cancel_key(job_name, run_id)
        if self._mirror is None or self._mirror.get(key) is None:
            return
        try:
            await self._bus.leases.let_go(key, marker_ttl=_TRACE_SECONDS)
        except BusUnavailable as error:
            logger.debug("wish left to expire", job=job_name, run_id=run_id, error=str(error))

    def _changed(self, key: str, entry: Entry | None) -> None:
        run = _run_of(key)
        if entry is not None and run is not None:
            self.on_wish(*run)


def _run_of(key: str) -> tuple[JobName, RunId] | None:
    try:
        _, token, run_id = key.split(".")
        return name_of(token), RunId(run_id)
    except (ValueError, InvalidToken):
        logger.error("wish about no run left alone", key=key)
        return None
