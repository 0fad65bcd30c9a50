"""Waits for conditions. Tests sleep nowhere else: `stays` and `pause` say what for."""

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


async def stays(check: Callable[[], Any], seconds: float, *, interval: float = 0.02) -> None:
    """Prove that something does not happen: `check`, which may be async, holds for `seconds`.

    Raises:
        AssertionError: It did not, at the first time that this is seen.
    """
    began = time.monotonic()
    while True:
        answer = check()
        value = await answer if inspect.isawaitable(answer) else answer
        elapsed = time.monotonic() - began
        if not value:
            raise AssertionError(f"not any more after {elapsed:.2f} s; the last answer was {value!r}")
        if elapsed > seconds:
            return
        await asyncio.sleep(interval)


async def most_until(done: Callable[[], Any], count: Callable[[], int], timeout: float) -> int:
    """The greatest `count` that is ever seen until `done` holds."""
    waiting = asyncio.ensure_future(eventually(done, timeout))
    most = 0
    while not waiting.done():
        most = max(most, count())
        await asyncio.sleep(0.005)
    await waiting
    return max(most, count())


async def pause(seconds: float, reason: str) -> None:
    """Let time pass that is an input of the test: the pace of a client, the length of an outage.

    Never to wait for something: that is `eventually`. The reason is for the reader.
    """
    await asyncio.sleep(seconds)
