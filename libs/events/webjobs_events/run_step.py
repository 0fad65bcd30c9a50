"""Runs one step of a loop: an error ends the step, not the loop over all the others."""

from collections.abc import Awaitable
from typing import Any

from webjobs_events.errors import BusUnavailable


async def run_step(step: Awaitable[object], logger: Any, event: str, **about: object) -> bool:
    """Wait for the step about one of many items; returns whether it succeeded.

    An error is logged with its traceback. A caller that repeats the step pauses before it does.

    Args:
        step: That handles the item; it retries by itself what is worth it.
        logger: Receives the log line.
        event: What becomes of the item; the text of the line.
        about: Which item it is; the fields of the line.

    Raises:
        BusUnavailable: NATS does not answer, which is no fault of the item.
    """
    try:
        await step
    except BusUnavailable:
        raise
    except Exception:
        logger.exception(event, **about)
        return False
    return True
