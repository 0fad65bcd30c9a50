"""The metrics of all services at one address: those of this api, and what runners and histories reply."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

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

    async def text(self) -> str:
        """The metrics of this process as they are, and of others labelled with service and instance."""
        self._see(("runner", instance_id) for instance_id in self._runners.alive)
        expected = self._lately_seen()

        def is_complete(found: list[ServiceMetrics]) -> bool:
            return parts_in(found) >= expected and {each.service for each in found} >= set(_OTHERS)

        found = await collect_metrics(self._bus, is_complete, self._timeout)
        self._see(parts_in(found))
        texts = sorted(named(found))
        up = [("api", socket.gethostname()), *(part for part, _ in texts)]
        down = missing(parts_in(found), expected)
        labelled = [({"service": service, "instance": name}, text) for (service, name), text in texts]
        return _up_family(up, down) + joined([({}, generate_latest().decode()), *labelled])

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


def named(found: Iterable[ServiceMetrics]) -> Iterator[tuple[Part, str]]:
    """The texts; where several processes are one instance, their ids distinguish them."""
    texts = {(each.service, each.instance, each.pid): each.text for each in found}
    count = Counter((service, instance) for service, instance, _ in texts)
    for (service, instance, pid), text in texts.items():
        is_alone = count[service, instance] == 1
        yield (service, instance if is_alone else f"{instance}:{pid}"), text


def _up_family(up: Iterable[Part], down: Iterable[Part]) -> str:
    values = sorted([(part, 1) for part in up] + [(part, 0) for part in down])
    return _UP + "".join(
        f"webjobs_up{{{rendered_labels({'service': service, 'instance': instance})}}} {value}\n"
        for (service, instance), value in values
    )
