"""The deployments, kept in one key of a bucket: any api reads them, and no restart loses them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from webjobs_events.errors import MALFORMED, BusUnavailable, RevisionConflict
from webjobs_events.jetstream import Bus

from webjobs_api.http.job_errors import DeploymentNotFound
from webjobs_api.site_deployments.record import (
    MOST_KEPT,
    Deployment,
    LogEntry,
    bounded_log,
    latest,
    settled,
    with_new,
)

log = structlog.stdlib.get_logger(__name__)

LATEST = "latest"
"""Stands for the id of the deployment that is in progress, or that ended last."""

_INDEX = "deployments.index"
_TRIES = 20
_TRACE_SECONDS = 60  # that a forgotten log leaves a trace

_index = msgspec.json.Decoder(list[Deployment])
_log = msgspec.json.Decoder(list[LogEntry])
_encoder = msgspec.json.Encoder()


class DeploymentStore:
    """Reads and changes the list by compare-and-set; every method raises `BusUnavailable` without NATS."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = bus.requests

    async def all(self) -> list[Deployment]:
        """Every deployment that is kept, newest first."""
        return (await self._read())[0]

    async def get(self, deployment_id: str) -> Deployment:
        """One of them; `latest` is an id too.

        Raises:
            DeploymentNotFound: There is none.
        """
        known = await self.all()
        if deployment_id == LATEST:
            found = latest(known)
        else:
            found = next((each for each in known if each.id == deployment_id), None)
        if found is None:
            raise DeploymentNotFound(deployment_id)
        return found

    async def add(self, deployment: Deployment) -> None:
        """Put a new one at the head of the list; the oldest may be forgotten for it.

        Raises:
            DeploymentInProgress: Another one is not complete.
            DeploymentExists: Its id is taken.
        """
        before, after = await self._change(lambda known: with_new(known, deployment))
        if len(after) < MOST_KEPT:
            return
        for gone in {each.id for each in before} - {each.id for each in after}:
            await self._bucket.let_go(_log_key(gone), marker_ttl=_TRACE_SECONDS)

    async def replace(self, deployment: Deployment) -> None:
        """Write a newer state of one that is in the list; one that was forgotten meanwhile stays so."""
        await self._change(lambda known: [deployment if each.id == deployment.id else each for each in known])

    async def read_log(self, deployment_id: str) -> list[LogEntry]:
        """The log of one of them."""
        entry = await self._bucket.get(_log_key(deployment_id))
        try:
            return _log.decode(entry.value) if entry else []
        except MALFORMED as error:
            log.error("log of a deployment cannot be read", deployment=deployment_id, error=str(error))
            return []

    async def write_log(self, deployment_id: str, entries: Sequence[LogEntry]) -> None:
        """Keep the log of one of them, in place of what was kept before."""
        await self._bucket.put(_log_key(deployment_id), _encoder.encode(bounded_log(entries)))

    async def _read(self) -> tuple[list[Deployment], int]:
        entry = await self._bucket.get(_INDEX)
        if entry is None:
            return [], 0
        try:
            return settled(_index.decode(entry.value), datetime.now(UTC)), entry.revision
        except MALFORMED as error:
            log.error("the list of deployments cannot be read, a new one is begun", error=str(error))
            return [], entry.revision

    async def _change(
        self, decide: Callable[[list[Deployment]], list[Deployment]]
    ) -> tuple[list[Deployment], list[Deployment]]:
        for _ in range(_TRIES):
            known, revision = await self._read()
            wanted = decide(known)
            try:
                if revision:
                    await self._bucket.update(_INDEX, _encoder.encode(wanted), revision)
                else:
                    await self._bucket.create(_INDEX, _encoder.encode(wanted))
                return known, wanted
            except RevisionConflict:
                continue
        raise BusUnavailable("recording a deployment", "others keep changing the list")


def _log_key(deployment_id: str) -> str:
    return f"deployments.log.{deployment_id.replace('.', '=2E')}"
