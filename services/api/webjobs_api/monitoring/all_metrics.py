"""The metrics of all services at one address: those of this api, and what runners and histories reply."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import generate_latest
from webjobs_events.jetstream import Bus, collect_metrics
from webjobs_events.metrics import ServiceMetrics

from webjobs_api.backends.runners import Runners
from webjobs_api.monitoring.metrics_text import joined, rendered_labels

TIMEOUT = 1.0
"""Seconds that the other services have to reply."""
REMEMBER_SECONDS = 300.0
"""How long a process that replies no more is shown as down."""
_OTHERS = ("runner", "history")
_UP = (
    "# HELP webjobs_up 1 for a service that replied with its metrics within a second, else 0\n"
    "# TYPE webjobs_up gauge\n"
)

Part = tuple[str, str]
"""A service, and which instance of it."""

_FRESH_SECONDS = 2.0  # for which what was collected serves readers of parts


@dataclass(frozen=True, slots=True)
class PartMetrics:
    """A process of another service: its release, and its metrics; their text is None when it is away."""

    service: str
    instance: str
    version: str
    text: str | None


class AllMetrics:
    """Collects metrics, and remembers for a while from where they came."""

    def __init__(
        self,
        bus: Bus,
        runners: Runners,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._runners = runners
        self._timeout = timeout
        self._clock = clock
        self._seen: dict[Part, float] = {}
        self._parts: list[PartMetrics] = []
        self._read_at: float | None = None
        self._reading = asyncio.Lock()

    async def text(self) -> str:
        """The metrics of this process as they are, and of others labelled with service and instance."""
        found, expected = await self._collect()
        texts = sorted((part, each.text) for part, each in named(found))
        up = [("api", socket.gethostname()), *(part for part, _ in texts)]
        down = missing(parts_in(found), expected)
        labelled = [({"service": service, "instance": name}, text) for (service, name), text in texts]
        return _up_family(up, down) + joined([({}, generate_latest().decode()), *labelled])

    async def parts(self) -> list[PartMetrics]:
        """Each process of another service that replies, or replied lately; at most 2 s old."""
        async with self._reading:
            if self._read_at is None or self._clock() - self._read_at > _FRESH_SECONDS:
                found, expected = await self._collect()
                up = [PartMetrics(*part, each.version, each.text) for part, each in named(found)]
                down = [PartMetrics(*part, "", None) for part in missing(parts_in(found), expected)]
                self._parts = sorted([*up, *down], key=lambda part: (part.service, part.instance))
                self._read_at = self._clock()
            return self._parts

    async def _collect(self) -> tuple[list[ServiceMetrics], set[Part]]:
        """What the services reply, and the parts that are expected to."""
        self._see(("runner", instance_id) for instance_id in self._runners.alive)
        expected = self._lately_seen()

        def is_complete(found: list[ServiceMetrics]) -> bool:
            return parts_in(found) >= expected and {each.service for each in found} >= set(_OTHERS)

        found = await collect_metrics(self._bus, is_complete, self._timeout)
        self._see(parts_in(found))
        return found, expected

    def _see(self, parts: Iterable[Part]) -> None:
        now = self._clock()
        self._seen |= {part: now for part in parts}

    def _lately_seen(self) -> set[Part]:
        oldest = self._clock() - REMEMBER_SECONDS
        self._seen = {part: at for part, at in self._seen.items() if at >= oldest}
        return set(self._seen)


def parts_in(found: Iterable[ServiceMetrics]) -> set[Part]:
    """Returns the parts that these come from."""
    return {(each.service, each.instance) for each in found}


def missing(found: set[Part], expected: set[Part]) -> set[Part]:
    """Those that did not reply; a service of which there is no trace has an empty instance."""
    services = {service for service, _ in found | expected}
    return (expected - found) | {(service, "") for service in _OTHERS if service not in services}


def named(found: Iterable[ServiceMetrics]) -> Iterator[tuple[Part, ServiceMetrics]]:
    """The metrics by their part; where several processes are one instance, their ids distinguish them."""
    processes = {(each.service, each.instance, each.pid): each for each in found}
    count = Counter((service, instance) for service, instance, _ in processes)
    for (service, instance, pid), metrics in processes.items():
        is_alone = count[service, instance] == 1
        yield (service, instance if is_alone else f"{instance}:{pid}"), metrics


def _up_family(up: Iterable[Part], down: Iterable[Part]) -> str:
    values = sorted([(part, 1) for part in up] + [(part, 0) for part in down])
    return _UP + "".join(
        f"webjobs_up{{{rendered_labels({'service': service, 'instance': instance})}}} {value}\n"
        for (service, instance), value in values
    )


ALL_METRICS = web.AppKey("all_metrics", AllMetrics)
