"""Which runners are alive, by their heartbeats."""

import asyncio

import msgspec
from webjobs_events.heartbeat import DiskReport, decode_heartbeat
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.subjects import Subjects

from webjobs_api.errors import NoRunnerAlive

_PATIENCE = 1.5  # seconds that a runner which is just starting has to appear


class Runners:
    """An async context manager: the instance ids of living runners, current while it is entered."""

    def __init__(self, bus: Bus) -> None:
        self._mirror = bus.leases.mirror(self._changed, keys=Subjects.instance_key("*"))
        self._change = asyncio.Event()

    async def __aenter__(self) -> "Runners":
        await self._mirror.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._mirror.__aexit__(*exc_info)

    def is_alive(self, instance_id: str) -> bool:
        """Whether this runner's heartbeat is there."""
        return self._mirror.get(Subjects.instance_key(instance_id)) is not None

    @property
    def alive(self) -> list[str]:
        """Instance ids of the living runners."""
        return [key.removeprefix(Subjects.instance_key("")) for key in self._mirror.entries]

    @property
    def any_alive(self) -> bool:
        """Whether there is a runner at all."""
        return bool(self._mirror.entries)

    @property
    def living(self) -> list[str]:
        """Instance ids of all runners, in order."""
        return sorted(key.rpartition(".")[2] for key in self._mirror.entries)

    def disks(self) -> dict[str, DiskReport | None]:
        """What the living runners say of their disks in their leases; None where one says nothing."""
        return {key.rpartition(".")[2]: _disk_in(entry) for key, entry in self._mirror.entries.items()}

    async def require_one(self) -> None:
        """Go on when there is a runner, at once or in a moment.

        Raises:
            NoRunnerAlive: There is none.
        """
        if self.any_alive:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                while not self.any_alive:
                    self._change.clear()
                    await self._change.wait()
        except TimeoutError as error:
            raise NoRunnerAlive from error

    def _changed(self, _key: str, _entry: Entry | None) -> None:
        self._change.set()


def _disk_in(entry: Entry) -> DiskReport | None:
    try:
        return decode_heartbeat(entry.value).disk
    except msgspec.MsgspecError:
        return None
