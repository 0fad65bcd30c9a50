"""The disk of the last runner, which has one of its own, so that it can become full."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from chaos.part import Part, Service
from support.small_disk import MountNotPermitted, mounted_disk

_MEGABYTES = 48
_MORE_THAN_ANY_DISK = 10**9  # megabytes


class FarDisk(Protocol):
    """A disk that can become full."""

    def fill(self) -> None:
        """Leave no room."""

    def free(self) -> None:
        """Give the room back."""


class _HighReserve:
    """Where no disk can be mounted: the runner is restarted with a reserve that no disk has room for."""

    def __init__(self, runner: Part, service: Service) -> None:
        self._runner = runner
        self._service = service

    def fill(self) -> None:
        self._service.environment["WEBJOBS_DISK_RESERVE_MB"] = str(_MORE_THAN_ANY_DISK)
        self._runner.restart()

    def free(self) -> None:
        if self._service.environment.pop("WEBJOBS_DISK_RESERVE_MB", None):
            self._runner.restart()


@contextlib.contextmanager
def far_disk(path: Path, runner: Part, service: Service) -> Iterator[FarDisk]:
    """The disk at this path, for the time of the body."""
    with contextlib.ExitStack() as mounted:
        disk: FarDisk
        try:
            disk = mounted.enter_context(mounted_disk(path, _MEGABYTES))
        except MountNotPermitted:
            disk = _HighReserve(runner, service)
        yield disk
