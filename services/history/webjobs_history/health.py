"""What history needs to be ready: NATS, a Postgres that stores, a projection that goes on, its endpoints."""

from collections.abc import Mapping

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from webjobs_events.jetstream import Bus
from webjobs_service.health import Check, ProvenWrites

from webjobs_history.damage import Damage
from webjobs_history.database import TROUBLES
from webjobs_history.projector import Projector
from webjobs_history.queries import Queries
from webjobs_history.store import PROJECTION
from webjobs_history.tables import positions

_MOST_LOSSES = 3  # shown
_WAITS = "waits for NATS"
_REWRITE_POSITION = (
    update(positions)
    .where(positions.c.reader == PROJECTION)
    .values(sequence=positions.c.sequence)  # as it is
)


class Readiness:
    """The checks behind `/healthz`, which is served before there is anything to check."""

    def __init__(self) -> None:
        self.serving = False
        """Whether queries are answered."""
        self._bus: Bus | None = None
        self._queries: Queries | None = None
        self._projector: Projector | None = None
        self._writes: ProvenWrites | None = None
        self._damage = Damage()

    def connected(
        self, bus: Bus, queries: Queries, projector: Projector, engine: AsyncEngine, damage: Damage
    ) -> None:
        """From now on these are checked; `engine` is for writes that prove that Postgres stores."""

        async def rewrite() -> None:
            async with engine.connect() as connection:
                await connection.execute(_REWRITE_POSITION)

        self._bus, self._queries, self._projector = bus, queries, projector
        self._damage = damage
        self._writes = ProvenWrites(rewrite, TROUBLES)

    def checks(self) -> Mapping[str, Check]:
        """The checks by name."""
        return {
            "nats": self._nats,
            "streams": self._streams,
            "postgres": self._postgres,
            "database": self._database,
            "storage": self._storage,
            "projection": self._projection,
            "endpoints": self._endpoints,
        }

    def notes(self) -> Mapping[str, str]:
        """What an operator should know though history is ready."""
        notes = dict(self._bus.streams.notes()) if self._bus is not None else {}
        if self._projector is not None and self._projector.losses:
            notes["history"] = " ".join(self._projector.losses[-_MOST_LOSSES:])
        return notes

    async def _nats(self) -> str | None:
        return None if self._bus is not None and self._bus.is_connected else "not connected"

    async def _streams(self) -> str | None:
        return _WAITS if self._bus is None else self._bus.streams.problem()

    async def _postgres(self) -> str | None:
        if self._queries is None or self._projector is None:
            return _WAITS
        try:
            if not await self._queries.is_there():
                return "nothing was projected yet"
            return (
                None if self._projector.has_current_tables else "the tables are not those of this release yet"
            )
        except TROUBLES as error:
            return self._damage.record(error)

    async def _database(self) -> str | None:
        return self._damage.reason or None

    async def _storage(self) -> str | None:
        return _WAITS if self._writes is None else await self._writes.check()

    async def _projection(self) -> str | None:
        return _WAITS if self._projector is None else self._projector.trouble or None

    async def _endpoints(self) -> str | None:
        return None if self.serving else "not served"
