"""Writes again what a lost bucket or store held and this runner knows: its claims, and packages of jobs.

Definitions, its heartbeat and its singleton leases are written again by those who keep them.
"""

import asyncio

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus

from webjobs_runner.files.site import Site
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.outbox import Outbox
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.run_journal import RunJournal


class Restoration:
    """Acts at the start of the runner, and whenever one of its buckets was replaced by an empty one."""

    def __init__(
        self,
        bus: Bus,
        site: Site,
        outbox: Outbox,
        claims: Claims,
        packages: PackageStore,
        journal: RunJournal,
    ) -> None:
        self._bus = bus
        self._site = site
        self._outbox = outbox
        self._claims = claims
        self._packages = packages
        self._journal = journal
        self._lacks_claims = False
        self._lacks_packages = True  # they may have been lost while no runner was there
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Write again what is lost, until cancelled."""
        outage = self._bus.connection.outage_of("writing again of lost claims and packages")
        unhook = [
            self._bus.streams.on_replaced(self._bus.leases.stream, self._leases_replaced),
            self._bus.streams.on_replaced(self._bus.packages.stream, self._packages_replaced),
        ]
        try:
            while True:
                self._wake.clear()
                await outage.retry(self._write_again)
                await self._wake.wait()
        finally:
            for each in unhook:
                each()

    async def _write_again(self) -> None:
        if self._lacks_claims:
            self._lacks_claims = False
            try:
                for run in self._journal.all():
                    await self._claims.write_again(run, self._outbox.reached)
            except BusUnavailable:
                self._lacks_claims = True
                raise
        if self._lacks_packages:
            self._lacks_packages = False
            try:
                await self._packages.store_missing(self._site)
            except BusUnavailable:
                self._lacks_packages = True
                raise

    def _leases_replaced(self) -> None:
        self._lacks_claims = True
        self._wake.set()

    def _packages_replaced(self) -> None:
        self._lacks_packages = True
        self._wake.set()
