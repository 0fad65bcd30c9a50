"""Which runners are alive, by their heartbeats."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiohttp import web
from webjobs_events.errors import MALFORMED
from webjobs_events.heartbeat import DiskReport, Heartbeat, PreparingJob, decode_heartbeat
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.queries import InstanceView
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType

from webjobs_api.http.runner_errors import NoRunnerAlive

_PATIENCE = 1.5  # seconds that a runner which is just starting has to appear


class Runners:
    """An async context manager: the instance ids of the runners alive, current while it is entered."""

    def __init__(self, bus: Bus) -> None:
        self._mirror = bus.leases.mirror(self._changed, keys=Subjects.instance_key("*"))
        self._alive: dict[str, Heartbeat] = {}
        self._change = asyncio.Event()

    async def __aenter__(self) -> "Runners":
        await self._mirror.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._mirror.__aexit__(*exc_info)

    def is_alive(self, instance_id: str) -> bool:
        """Whether this runner's heartbeat is there."""
        return instance_id in self._alive

    def of_alive(self, views: Iterable[InstanceView]) -> list[InstanceView]:
        """Those of a job's instances whose runner is alive."""
        return [view for view in views if view.instance in self._alive]

    @property
    def any_alive(self) -> bool:
        """Whether there is a runner at all."""
        return bool(self._alive)

    @property
    def alive(self) -> list[str]:
        """Instance ids of all runners, in order."""
        return sorted(self._alive)

    @property
    def disks(self) -> Mapping[str, DiskReport | None]:
        """The disk reports in the leases of the runners alive; None where one has none."""
        return {instance_id: heartbeat.disk for instance_id, heartbeat in self._alive.items()}

    @property
    def slots(self) -> Mapping[str, int | None]:
        """How many runs each runner alive may have at once; None where it does not say."""
        return {instance_id: heartbeat.slots for instance_id, heartbeat in self._alive.items()}

    @property
    def heartbeats(self) -> Mapping[str, Heartbeat]:
        """The heartbeat in the lease of each runner alive."""
        return dict(self._alive)

    def preparing(self, job_type: JobType, job_name: JobName) -> Mapping[str, Sequence[PreparingJob]]:
        """The preparations of a job's packages that go on, by the runner that performs them."""
        found: dict[str, list[PreparingJob]] = {}
        for instance_id, heartbeat in self._alive.items():
            for each in heartbeat.environments.preparing if heartbeat.environments else ():
                if (each.job_type, each.job_name) == (job_type.value, job_name):
                    found.setdefault(instance_id, []).append(each)
        return found

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

    def _changed(self, key: str, entry: Entry | None) -> None:
        instance_id = key.removeprefix(Subjects.instance_key(""))
        heartbeat = _heartbeat_in(entry) if entry is not None else None
        if heartbeat is not None:
            self._alive[instance_id] = heartbeat
        else:
            self._alive.pop(instance_id, None)
        self._change.set()


def _heartbeat_in(entry: Entry) -> Heartbeat | None:
    """The heartbeat in a lease; None when it is not readable, and its runner does not count as alive."""
    try:
        heartbeat = decode_heartbeat(entry.value)
    except MALFORMED:
        return None
    return heartbeat if heartbeat.boot else None


RUNNERS = web.AppKey("runners", Runners)
