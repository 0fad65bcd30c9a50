"""Requests that may be sent again: the same `Idempotency-Key` is the same run, over any restart."""

import hashlib
from datetime import datetime

import msgspec
import structlog
from aiohttp import web
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import MALFORMED, BusUnavailable, RevisionConflict
from webjobs_events.jetstream import Bus, Entry
from webjobs_rules.run_id import RunId

from webjobs_api.backends.runs import Runs
from webjobs_api.http.if_running import IfRunning
from webjobs_api.http.job_errors import JobNotEnabled, JobsAreStopped
from webjobs_api.http.run_errors import IdempotencyKeyReused, RunAlreadyInProgress
from webjobs_api.http.runner_errors import NoRunnerAlive
from webjobs_api.runs.start import Invocations, RunRequest, Started

KEPT_SECONDS = 48 * 3600
"""How long a key is remembered after it was used last."""

_TRIES = 5

log = structlog.stdlib.get_logger(__name__)


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What a key stands for.

    Attributes:
        fingerprint: Of the request.
        command: That was made for it.
        is_accepted: Whether the command surely went into the queue, or the run `joined` was answered.
        joined: The run of another request that was answered instead; the command was not sent then.
    """

    fingerprint: str
    command: RunTriggeredJob
    is_accepted: bool = False
    joined: RunId | None = None

    @property
    def answer(self) -> Started:
        """What the request is answered once it is accepted."""
        return Started(self.command.run_id) if self.joined is None else Started(self.joined, is_joined=True)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Remembered)


class IdempotentInvocations:
    """Remembers the command before it is sent, so that who comes again sends the same one."""

    def __init__(self, bus: Bus, invocations: Invocations, runs: Runs) -> None:
        self._bus = bus
        self._invocations = invocations
        self._runs = runs

    async def start(self, asked: RunRequest, key: str, now: datetime) -> Started:
        """Put a run into the queue unless this key has done so before; returns the run.

        Raises:
            IdempotencyKeyReused: The key was used for a request that asked for something else.
            JobsAreStopped, NoRunnerAlive, RunAlreadyInProgress: As without a key; it stays unused.
            BusUnavailable: NATS does not answer; sent again, the request is still the same one.
        """
        entry_key = _digest(asked.definition.job_name, key)
        command = msgspec.structs.replace(self._invocations.command(asked, now), may_repeat=True)
        new = _Remembered(fingerprint=_fingerprint(asked), command=command)
        for _ in range(_TRIES):
            try:
                revision = await self._bus.requests.create(entry_key, _encoder.encode(new), ttl=KEPT_SECONDS)
                return await self._send(asked, entry_key, new, revision)
            except RevisionConflict:
                entry = await self._bus.requests.get(entry_key)
                if entry is not None:
                    return await self._repeat(asked, key, entry_key, entry, new)
        raise BusUnavailable("remembering a request", "its key comes and goes")

    async def _repeat(
        self, asked: RunRequest, key: str, entry_key: str, entry: Entry, new: _Remembered
    ) -> Started:
        try:
            known = _decoder.decode(entry.value)
        except MALFORMED:
            log.error("unreadable request replaced", key=entry_key)
            return await self._replace(asked, entry_key, new, entry.revision)
        if known.fingerprint != _fingerprint(asked):
            raise IdempotencyKeyReused(asked.definition.job_name, key, known.command.run_id)
        run_id = known.command.run_id
        if known.is_accepted or await self._runs.find(asked.definition.job_name, run_id) is not None:
            return known.answer
        # The api that came first died, or is still at it. If the run is over already, no runner begins it.
        return await self._send(asked, entry_key, known, entry.revision)

    async def _replace(self, asked: RunRequest, entry_key: str, new: _Remembered, revision: int) -> Started:
        """Remember a new request in the place of one that cannot be read."""
        try:
            revision = await self._bus.requests.update(
                entry_key, _encoder.encode(new), revision, ttl=KEPT_SECONDS
            )
        except RevisionConflict as error:
            raise BusUnavailable("remembering a request", "its key comes and goes") from error
        return await self._send(asked, entry_key, new, revision)

    async def _send(self, asked: RunRequest, entry_key: str, known: _Remembered, revision: int) -> Started:
        try:
            started = await self._invocations.send(known.command, asked)
        except (JobNotEnabled, JobsAreStopped, NoRunnerAlive, RunAlreadyInProgress):
            await self._forget(entry_key, revision)
            raise
        if started.is_joined:
            known = msgspec.structs.replace(known, joined=started.run_id)
        await self._record_acceptance(entry_key, known, revision)
        return started

    async def _record_acceptance(self, entry_key: str, known: _Remembered, revision: int) -> None:
        accepted = _encoder.encode(msgspec.structs.replace(known, is_accepted=True))
        try:
            try:
                await self._bus.requests.update(entry_key, accepted, revision, ttl=KEPT_SECONDS)
            except RevisionConflict:
                # Noted by a repeat already; or one that was refused a moment before took the key back.
                if await self._bus.requests.get(entry_key) is None:
                    await self._bus.requests.create(entry_key, accepted, ttl=KEPT_SECONDS)
        except (BusUnavailable, RevisionConflict) as error:
            log.debug("acceptance not noted", key=entry_key, error=str(error))

    async def _forget(self, entry_key: str, revision: int) -> None:
        try:
            await self._bus.requests.delete(entry_key, revision, marker_ttl=60)
        except (BusUnavailable, RevisionConflict) as error:
            log.debug("unused key left behind", key=entry_key, error=str(error))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _fingerprint(asked: RunRequest) -> str:
    """What has to be the same for a request to be the same."""
    wanted = () if asked.if_running is IfRunning.FAIL else (asked.if_running.value,)
    return _digest(asked.arguments or "", asked.rerun_of or "", *wanted)


IDEMPOTENT_INVOCATIONS = web.AppKey("idempotent_invocations", IdempotentInvocations)
