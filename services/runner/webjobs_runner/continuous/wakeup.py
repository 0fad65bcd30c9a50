"""A nudge for one sleeper: what `asyncio.Event` is for many, at a tenth of its memory."""

import asyncio


class Wakeup:
    """Set by anybody, waited for by one; a thousand jobs at rest hold one each."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake the sleeper, now or as soon as it waits."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Let the sleeper wait for what comes from now on."""
        self._is_set = False

    async def wait(self) -> None:
        """Sleep until it is set."""
        if self._is_set:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
