"""Does one action to many jobs or runs, and collects every failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from aiohttp import web
from webjobs_rules.errors import WebJobsError

from webjobs_api.http.error_responses import logged_status
from webjobs_api.http.tracing import about

_AT_ONCE = 16  # runners carry out commands about definitions four at a time

T = TypeVar("T")
F = TypeVar("F")

log = structlog.stdlib.get_logger(__name__)


async def failures_of_each(
    request: web.Request,
    items: Sequence[T],
    act: Callable[[T], Awaitable[None]],
    failure: Callable[[T, int, str], F],
) -> list[F]:
    """Act on each item; the failure of one does not stop the rest.

    Args:
        request: What is answered.
        items: Jobs or runs.
        act: The action; it raises what the route of the one item would answer.
        failure: Makes the failure of an item from the status and the text of that answer.

    Returns the failures, in the order of the items.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def attempt(item: T) -> F | None:
        async with room:
            try:
                await act(item)
            except WebJobsError as error:
                return failure(item, logged_status(request, error), str(error))
            except Exception:
                log.exception("action on one of many failed", **about(request), item=str(item)[:200])
                return failure(item, 500, "The api failed; its log says why.")
            return None

    outcomes = await asyncio.gather(*map(attempt, items))
    return [outcome for outcome in outcomes if outcome is not None]
