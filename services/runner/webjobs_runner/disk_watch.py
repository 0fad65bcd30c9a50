"""Watches the disk of the site folder: below the reserve this runner takes no new runs and deployments."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import Gauge
from webjobs_events.events import DiskLow, DiskOk
from webjobs_events.heartbeat import DiskReport
from webjobs_rules.disk_reserve import (
    DiskSpace,
    as_text,
    is_low,
    log_floor,
    look_again_seconds,
    reserve_of,
)
from webjobs_service.disk import space_of

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox

DISK_FREE = Gauge("webjobs_runner_disk_free_bytes", "Free space of the disk of the site folder")
DISK_RESERVE = Gauge(
    "webjobs_runner_disk_reserve_bytes", "Free space below which the runner takes no new runs"
)


class DiskWatch:
    """What is known of the disk.

    Args:
        folder: The site folder.
        reserve_mb: WEBJOBS_DISK_RESERVE_MB; None when it is not set.
        instance: This runner.
        outbox: Where a change is recorded.
    """

    def __init__(self, folder: Path, reserve_mb: int | None, instance: Instance, outbox: Outbox) -> None:
        self._folder = folder
        self._reserve_mb = reserve_mb
        self._instance = instance
        self._outbox = outbox
        self._space = DiskSpace(0, 0)
        self._reserve = 0
        self._is_low = False
        self._listeners: list[Callable[[], None]] = []
        self._check()

    @property
    def is_low(self) -> bool:
        """Whether the free space is below the reserve."""
        return self._is_low

    @property
    def report(self) -> DiskReport:
        """What the heartbeat says."""
        return DiskReport(
            free=self._space.free, total=self._space.total, reserve=self._reserve, is_low=self._is_low
        )

    def refusal(self) -> str:
        """The error text of a refused write while the disk is low; empty while it has room."""
        return f"The disk of runner {self._instance.id} is low: {self}." if self._is_low else ""

    def __str__(self) -> str:
        return as_text(self._space, self._reserve)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this after each crossing of the reserve."""
        self._listeners.append(listener)

    def room_for_logs(self) -> float:
        """Bytes that logs may take now: a script writes more between two looks than the reserve has."""
        try:
            free = space_of(self._folder).free
        except OSError:
            return math.inf
        return max(0, free - log_floor(self._reserve))

    async def check(self) -> str | None:
        """For `/healthz`: what is wrong while the disk is low."""
        return str(self) if self._is_low else None

    async def run(self) -> None:
        """Watch until cancelled."""
        if self._is_low:
            self._changed()
        while True:
            await asyncio.sleep(look_again_seconds(self._space, self._reserve, self._is_low))
            was_low = self._is_low
            self._check()
            if self._is_low is not was_low:
                self._changed()

    def _check(self) -> None:
        try:
            self._space = space_of(self._folder)
        except OSError as error:  # a share that is away: other parts report that
            logger.debug("free space unknown", folder=str(self._folder), error=str(error))
            return
        self._reserve = reserve_of(self._space.total, self._reserve_mb)
        self._is_low = is_low(self._space, self._reserve, self._is_low)
        DISK_FREE.set(self._space.free)
        DISK_RESERVE.set(self._reserve)

    def _changed(self) -> None:
        if self._is_low:
            logger.error("disk is low; no new runs and deployments are taken", space=str(self))
        else:
            logger.info("disk has room again; runs and deployments are taken", space=str(self))
        event_type = DiskLow if self._is_low else DiskOk
        self._outbox.add(
            event_type(
                at=datetime.now(UTC),
                instance=self._instance.id,
                about_instance=self._instance.id,
                boot=self._instance.boot,
                free_bytes=self._space.free,
                reserve_bytes=self._reserve,
                total_bytes=self._space.total,
            )
        )
        for listener in self._listeners:
            listener()
