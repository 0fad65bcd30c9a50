"""Stops scripts of runs that other runners have ended while this one seemed lost."""

import asyncio

from webjobs_events.jetstream import Bus
from webjobs_events.run_step import run_step
from webjobs_rules.status import Reason

from webjobs_runner.heartbeat import Peers
from webjobs_runner.log import logger
from webjobs_runner.runs.event_lookup import read_run
from webjobs_runner.runs.run_registry import Execution, RunRegistry

_FAILURE_DELAY = 30.0  # seconds


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
            if not await outage.retry(self._stop_ended):
                self._lapsed.set()
                await asyncio.sleep(_FAILURE_DELAY)

    async def _stop_ended(self) -> bool:
        """Returns whether every run that is carried out here was looked up; else that is to be done again."""
        self._lapsed.clear()
        found = [
            await run_step(
                self._stop_if_ended(execution),
                logger,
                "it is not known whether another runner has ended a run; it is looked up again",
                run_id=execution.attempt.run_id,
            )
            for execution in self._registry.executions()
        ]
        return all(found)

    async def _stop_if_ended(self, execution: Execution) -> None:
        found = await read_run(self._bus, execution.attempt, execution.after)
        if found.end is not None or found.before is not None:
            execution.request_end(Reason.RUNNER_LOST, "Other runners took this one for lost.")
