"""The subscriptions of a stream that remember on the server how far they have come."""

import contextlib

from nats.js import errors as js_errors

from webjobs_events.jetstream.bus import Bus


async def subscription_names(bus: Bus, stream: str) -> list[str]:
    """Durable names of a stream's subscriptions.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    names: list[str] = []
    async with bus.connection.asking(f"listing the subscriptions of {stream}"):
        while page := await bus.connection.js.consumers_info(stream, offset=len(names)):
            names += [info.name for info in page]
    return names


async def end_subscription(bus: Bus, stream: str, durable: str) -> None:
    """Forget a subscription; harmless when there is none.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with bus.connection.asking(f"ending the subscription {durable}"):
        with contextlib.suppress(js_errors.NotFoundError):
            await bus.connection.js.delete_consumer(stream, durable)
