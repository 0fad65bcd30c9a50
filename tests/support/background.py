"""Keeps an async context manager open in a thread, for fixtures that outlive the loop of one test."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def in_background(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What the context yields, while a thread of its own keeps it open; entered and left in one task."""
    entered: Future[T] = Future()
    loop_and_leave: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def hold_open() -> None:
        leave = asyncio.Event()
        loop_and_leave.set_result((asyncio.get_running_loop(), leave))
        async with context as value:
            entered.set_result(value)
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(hold_open())
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)

    # The thread must live as long as the servers: the kernel's parent-death signal watches the thread.
    thread = threading.Thread(target=run, name="test servers")
    thread.start()
    try:
        yield entered.result()
    finally:
        loop, leave = loop_and_leave.result()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(leave.set)
        thread.join()
