"""Whether what is new can be stored: the disks of the runners, as they report them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from webjobs_events.errors import MALFORMED
from webjobs_events.heartbeat import DiskReport, decode_heartbeat
from webjobs_events.jetstream import Bus

from webjobs_api.backends.runners import Runners
from webjobs_api.http.runner_errors import NoSpaceLeft

log = structlog.stdlib.get_logger(__name__)

_MEGABYTE = 1024 * 1024
_REPORT_SECONDS = 10.0  # for which a report counts; a runner sends one every 3 s, and after each change
_GIVE_UP_SECONDS = 0.5  # that a write gets which was under way when the disk became low


@dataclass(frozen=True, slots=True)
class _Report:
    disk: DiskReport | None
    at: float  # monotonic


class Storage:
    """An async context manager: what runners report of their disks, current while it is entered.

    Reports come on a plain subject: a full disk stores no lease. Those of runners without a report yet are
    read from their leases.
    """

    def __init__(self, bus: Bus, runners: Runners) -> None:
        self._bus = bus
        self._runners = runners
        self._reports: dict[str, _Report] = {}
        self._was_low = False
        self._listeners: list[Callable[[], None]] = []
        self._hearing = bus.hearing(bus.subjects.heartbeat("*"), self._receive)

    async def __aenter__(self) -> "Storage":
        await self._hearing.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._hearing.__aexit__(None, None, None)

    @property
    def disks(self) -> dict[str, DiskReport | None]:
        """The latest report of each runner; None of one that reports no disk."""
        not_before = time.monotonic() - _REPORT_SECONDS
        recent = {name: each.disk for name, each in self._reports.items() if each.at > not_before}
        return {**self._runners.disks, **recent}

    @property
    def heartbeat_ages(self) -> dict[str, float]:
        """Seconds since the last heartbeat of each runner, of those that sent one within the last 10 s."""
        now = time.monotonic()
        ages = {name: now - each.at for name, each in self._reports.items()}
        return {name: age for name, age in ages.items() if age < _REPORT_SECONDS}

    @property
    def shortage(self) -> str:
        """Why nothing new can be stored; empty while a runner has room, or none reports its disk."""
        disks = self.disks
        if not disks or any(disk is None or not disk.is_low for disk in disks.values()):
            return ""
        return "; ".join(_as_text(instance_id, disk) for instance_id, disk in disks.items() if disk)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever a shortage begins or ends."""
        self._listeners.append(listener)

    def require_room(self) -> None:
        """Go on when a runner has room.

        Raises:
            NoSpaceLeft: None has; what was asked for is not done.
        """
        if shortage := self.shortage:
            raise NoSpaceLeft(shortage)

    async def check(self) -> str | None:
        """For `/healthz`: what is wrong while nothing new can be stored."""
        return self.shortage or None

    def _receive(self, subject: str, data: bytes) -> None:
        try:
            heartbeat = decode_heartbeat(data)
        except MALFORMED as error:
            log.warning("unreadable heartbeat ignored", subject=subject, error=str(error))
            return
        self._reports[subject.rpartition(".")[2]] = _Report(heartbeat.disk, time.monotonic())
        is_low = bool(self.shortage)
        if is_low and not self._was_low:
            log.warning("runs and deployments are refused", reason=self.shortage)
            asyncio.get_running_loop().call_later(_GIVE_UP_SECONDS, self._give_up_writes)
        if is_low is not self._was_low:
            for listener in self._listeners:
                listener()
        self._was_low = is_low

    def _give_up_writes(self) -> None:
        """Nothing answers what is published while the disk of JetStream is full."""
        if shortage := self.shortage:
            self._bus.connection.give_up_writes(shortage)


def _as_text(instance_id: str, disk: DiskReport) -> str:
    free, total, reserve = (size // _MEGABYTE for size in (disk.free, disk.total, disk.reserve))
    space = f"{free} MB of {total} MB are free, the reserve is {reserve} MB"
    return f"the disk of runner {instance_id} is low: {space}"


STORAGE = web.AppKey("storage", Storage)
