"""What the api needs to be ready: a JetStream that stores, a live runner, and a history that answers."""

import secrets
from collections.abc import Mapping

from webjobs_events.errors import StorageFull
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.errors import WebJobsError
from webjobs_service.health import Check, ProvenWrites

from webjobs_api.backends.history import History
from webjobs_api.backends.runners import Runners
from webjobs_api.backends.storage import Storage

_KEY_TTL = 10  # seconds


def stored_writes(bus: Bus) -> ProvenWrites:
    """Writes a key of this api, which expires when its health is not requested any more."""
    key = Subjects.api_key(secrets.token_hex(4))

    async def write() -> None:
        await bus.leases.put(key, b"", ttl=_KEY_TTL)

    return ProvenWrites(write, (WebJobsError,), (StorageFull,))


def checks(bus: Bus, storage: Storage, runners: Runners, history: History) -> Mapping[str, Check]:
    """The checks behind `/healthz`."""
    writes = stored_writes(bus)
    # What was acknowledged before proves nothing then.
    storage.on_change(writes.expire)
    bus.connection.on_reconnect(writes.expire)

    async def nats() -> str | None:
        return None if bus.is_connected else "the connection is down"

    async def streams() -> str | None:
        return bus.streams.problem()

    async def runner() -> str | None:
        return None if runners.any_alive else "no runner is alive"

    async def history_responds() -> str | None:
        try:
            await history.latest_runs([])
        except WebJobsError as error:
            return str(error)
        return None

    return {
        "nats": nats,
        "streams": streams,
        "storage": writes.check,
        "disk": storage.check,
        "runner": runner,
        "history": history_responds,
    }
