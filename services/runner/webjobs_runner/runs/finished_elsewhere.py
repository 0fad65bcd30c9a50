"""Stops scripts of runs that other runners have ended while this one seemed lost."""

import asyncio

from webjobs_events.jetstream import Bus
from webjobs_events.status import Reason

from webjobs_runner.heartbeat import Peers
from webjobs_runner.runs.event_lookup import read_run
from webjobs_runner.runs.run_registry import RunRegistry


class FinishedElsewhere:
    """Reads the stream of events after each gap in the lease of this runner."""

    def __init__(self, bus: Bus, registry: RunRegistry, peers: Peers) -> None:
        self._bus = bus
        self._registry = registry
        self._lapsed = asyncio.Event()
        peers.on_lapse(self._lapsed.set)

    async def run(self) -> None:
        """Stop such scripts until cancelled."""
        outage = self._bus.connection.outage_of("search for runs that other runners have ended")
        while True:
            await self._lapsed.wait()
            await outage.retry(self._stop_ended)

    async def _stop_ended(self) -> None:
        self._lapsed.clear()
        for execution in self._registry.executions():
            found = await read_run(self._bus, execution.attempt, execution.after)
            if found.end is not None or found.before is not None:
                execution.request_end(Reason.RUNNER_LOST, "Other runners took this one for lost.")
