"""A service's life: run until SIGTERM or SIGINT, stop in good order, end loudly when a part dies.

Its long-lived parts have one of two forms, or both. A loop is `run()`, which goes on until it is cancelled,
and is given to `side_tasks`. What has to be there before others use it, or to be put away, is an async
context manager: ready when entered, ended when left; see `LongLived`.
"""

import asyncio
import contextlib
import gc
import signal
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from webjobs_service.loop_watchdog import watched_loop

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Main = Callable[[asyncio.Event], Awaitable[None]]

_CANCEL_AGAIN = 1.0  # seconds


class LongLived(ABC):
    """An async context manager whose life is one generator: ready when entered, ended when left."""

    @abstractmethod
    def _life(self) -> AbstractAsyncContextManager[None]:
        """Begin before the `yield`, end behind it."""

    async def __aenter__(self) -> Self:
        self._entered = self._life()
        await self._entered.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._entered.__aexit__(kind, error, trace)


class SideTaskEnded(Exception):
    """A loop that is to run as long as its service has returned."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The loop {name!r} has ended, though the service still runs.")


def run_service(main: Main) -> int:
    """Run a service and give its exit code.

    The first SIGTERM or SIGINT sets the event given to `main`, which then stops in its own order; a second
    one cancels `main`.

    Returns:
        0 after a graceful stop, 1 when `main` raised or had to be cancelled.
    """
    gc.freeze()  # what is imported by now lives for ever: full collections took 0.3 s of a busy runner
    return asyncio.run(_run(main))


async def _run(main: Main) -> int:
    stop = asyncio.Event()
    task = asyncio.ensure_future(main(stop))
    loop = asyncio.get_running_loop()

    def on_signal(received: signal.Signals) -> None:
        if stop.is_set():
            log.warning("stopping at once", signal=received.name)
            task.cancel()
        else:
            log.info("stopping", signal=received.name)
            stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, on_signal, each)
    try:
        with watched_loop():
            await task
    except asyncio.CancelledError:
        return 1
    except Exception as error:
        for cause in leaves(error):
            log.error("the service has failed", error=str(cause), exc_info=cause)
        return 1
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
    return 0


@asynccontextmanager
async def side_tasks(**loops: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run named loops beside the body, and cancel them when it ends.

    Raises:
        ExceptionGroup: A loop failed or returned while the body ran; the body was cancelled, the rest too.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_endless(name, loop), name=name) for name, loop in loops.items()]
        yield
        for task in tasks:
            task.cancel()


async def _endless(name: str, loop: Coroutine[Any, Any, object]) -> None:
    await cancellable(loop)
    raise SideTaskEnded(name)


async def cancel_all(*futures: "asyncio.Future[Any] | None") -> None:
    """Cancel futures, and wait until they have ended; results and errors are dropped. None is passed over."""
    waiting = [future for future in futures if future is not None]
    for future in waiting:
        future.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def cancellable(work: Coroutine[Any, Any, T]) -> T:
    """Run work so that one cancellation is enough.

    Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes together with its result, and
    libraries are full of it; so the work runs in a task of its own, which is cancelled until it obeys.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=_CANCEL_AGAIN)
        if not task.cancelled():
            task.result()
        raise
    return task.result()


def leaves(error: BaseException) -> list[BaseException]:
    """The errors inside nested groups, in order; an error that is no group stands for itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
