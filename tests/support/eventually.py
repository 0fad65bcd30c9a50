"""Waits for a condition instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    check: Callable[[], Awaitable[T]], timeout: float = ..., *, interval: float = ...
) -> T: ...


@overload
async def eventually(check: Callable[[], T], timeout: float = ..., *, interval: float = ...) -> T: ...


async def eventually(check: Callable[[], Any], timeout: float = 30.0, *, interval: float = 0.02) -> Any:
    """The first truthy answer of `check`, which may be async; an AssertionError in it means: not yet.

    A time-out that is no promise of the product is long: other tests may keep the machine busy.

    Raises:
        AssertionError: It never was; says the last answer, or is the last AssertionError itself.
    """
    give_up_at = time.monotonic() + timeout
    while True:
        last: object
        try:
            answer = check()
            value = await answer if inspect.isawaitable(answer) else answer
            if value:
                return value
            last = value
        except AssertionError as error:
            if time.monotonic() > give_up_at:
                raise
            last = error
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not within {timeout:g} s; the last answer was {last!r}")
        await asyncio.sleep(interval)
