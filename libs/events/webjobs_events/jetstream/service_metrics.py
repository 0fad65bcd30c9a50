"""Metrics over NATS: every runner and history replies with its own to one request of an api."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats.errors
from nats.aio.msg import Msg
from prometheus_client import generate_latest

from webjobs_events.errors import MALFORMED
from webjobs_events.jetstream.bus import Bus
from webjobs_events.log import logger
from webjobs_events.metrics import ServiceMetrics, decode_metrics, encode_metrics

_MORE_SECONDS = 0.05  # that replies of processes have which are not known yet


@asynccontextmanager
async def metrics_served(bus: Bus, service: str, instance: str, version: str = "") -> AsyncIterator[None]:
    """Reply with the metrics of this process while the body runs.

    Args:
        bus: Where requests come from.
        service: `runner` or `history`.
        instance: Which one this is.
        version: The release of the service.
    """

    async def reply(message: Msg) -> None:
        text = generate_latest().decode()
        metrics = ServiceMetrics(
            service=service, instance=instance, pid=os.getpid(), version=version, text=text
        )
        try:
            await message.respond(encode_metrics(metrics))
        except nats.errors.Error as error:
            logger.warning("metrics not sent", error=str(error))

    client = bus.connection.client
    subscription = await client.subscribe(bus.subjects.metrics, cb=reply)
    try:
        yield
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


async def collect_metrics(
    bus: Bus, is_complete: Callable[[list[ServiceMetrics]], bool], timeout: float
) -> list[ServiceMetrics]:
    """The metrics of all processes that reply; none while NATS is away.

    Args:
        bus: Where they are.
        is_complete: Whether all that are expected are in the list; then others have a moment more.
        timeout: In seconds; replies that take longer are left out.
    """
    found: list[ServiceMetrics] = []
    completed = asyncio.Event()

    def take(data: bytes) -> None:
        try:
            found.append(decode_metrics(data))
        except MALFORMED as error:
            logger.warning("metrics not readable", error=str(error))
        if is_complete(found):
            completed.set()

    if not bus.is_connected:
        return found
    try:
        async with asyncio.timeout(timeout), bus.await_replies(take) as inbox:
            await bus.connection.client.publish(bus.subjects.metrics, reply=inbox)
            await completed.wait()
            await asyncio.sleep(_MORE_SECONDS)
    except (TimeoutError, nats.errors.Error, OSError):
        pass
    return found
