"""Takes commands to run triggered jobs from the queue: as many as there are free slots, and a few ahead."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from webjobs_events.jetstream import KEEP_SECONDS, Bus, QueuedMessage

from webjobs_runner.log import logger

_LOOK_AHEAD = 2  # commands fetched before a slot is free, so that none stays empty for a round trip
_HOARD_SECONDS = 1.0  # after which a command fetched ahead is left to another runner
_RETURN_DELAY = 0.05  # seconds
_FAILURE_DELAY = 5.0  # seconds

Handler = Callable[[QueuedMessage, Callable[[], None]], Awaitable[None]]
"""Handles a command; calls its second argument once when the script has ended and the slot is free."""


class RunInbox:
    """One task for each command in hand.

    Args:
        slots: Scripts of triggered jobs that may run at the same time.
        handle: Runs one.
    """

    def __init__(self, bus: Bus, slots: int, handle: Handler) -> None:
        self._slots = slots
        self._handle = handle
        self._busy = 0
        self._ahead: deque[tuple[QueuedMessage, asyncio.TimerHandle]] = deque()
        self._in_hand: dict[QueuedMessage, asyncio.Task[None]] = {}
        self._taking: asyncio.Task[None] | None = None
        self._is_open = True
        self._freed = asyncio.Event()
        self._queue = bus.work_queue(
            durable="runs", filters=[bus.subjects.run_commands], room=self._room, on_message=self._take
        )

    @property
    def busy(self) -> int:
        """Slots in use."""
        return self._busy

    async def run(self) -> None:
        """Take commands until cancelled; what is in hand then is dropped."""
        self._taking = asyncio.create_task(self._queue.run(), name="queue of runs")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch_queue(self._taking), name="watch of the queue of runs")
                group.create_task(self._keep(), name="keeper of runs in hand")
        finally:
            for task in (self._taking, *self._in_hand.values()):
                task.cancel()
            await asyncio.gather(self._taking, *self._in_hand.values(), return_exceptions=True)

    async def close(self, patience_seconds: Callable[[], float]) -> None:
        """Take no more, give back what has not begun, and wait for the scripts that run to end.

        What follows the end of a script gets `patience_seconds`, asked for then: with NATS away it is done
        at the next start.
        """
        self._is_open = False
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.gather(self._taking, return_exceptions=True)
        while self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            await message.give_back(0)
        while self._busy:
            self._freed.clear()
            await self._freed.wait()
        if self._in_hand:
            await asyncio.wait(self._in_hand.values(), timeout=patience_seconds())
        for task in self._in_hand.values():
            task.cancel()

    async def _watch_queue(self, taking: "asyncio.Task[None]") -> None:
        """Fail with the queue, but not when it is closed in good order."""
        try:
            await asyncio.shield(taking)
        except asyncio.CancelledError:
            if self._is_open:
                raise

    def _room(self) -> int:
        return self._slots + _LOOK_AHEAD - self._busy - len(self._ahead) if self._is_open else 0

    def _take(self, message: QueuedMessage) -> None:
        if self._is_open and self._busy < self._slots:
            self._begin(message)
            return
        timer = asyncio.get_running_loop().call_later(_HOARD_SECONDS, self._return_oldest)
        self._ahead.append((message, timer))

    def _return_oldest(self) -> None:
        if self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._hold(message, self._give_back(message))

    async def _give_back(self, message: QueuedMessage) -> None:
        await message.give_back(_RETURN_DELAY)
        await asyncio.sleep(_RETURN_DELAY)

    def _begin(self, message: QueuedMessage) -> None:
        self._busy += 1
        is_free = False

        def free() -> None:
            nonlocal is_free
            if not is_free:
                is_free = True
                self._busy -= 1
                self._freed.set()
                self._next()

        self._hold(message, self._work(message, free))

    def _hold(self, message: QueuedMessage, work: Coroutine[None, None, None]) -> None:
        self._in_hand[message] = task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._forget(message))

    async def _work(self, message: QueuedMessage, free: Callable[[], None]) -> None:
        try:
            await self._handle(message, free)
        except Exception:
            logger.exception("a command was not handled; it is tried again", subject=message.subject)
            await message.give_back(_FAILURE_DELAY)
        finally:
            free()

    def _forget(self, message: QueuedMessage) -> None:
        self._in_hand.pop(message, None)
        self._queue.room_changed()

    def _next(self) -> None:
        if self._ahead and self._is_open:
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._begin(message)
        self._queue.room_changed()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            for message in [*self._in_hand, *(ahead for ahead, _ in self._ahead)]:
                await message.keep()
