"""Takes commands to run triggered jobs from the queue: as many as there are free slots, and a few ahead."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from webjobs_events.jetstream import Bus, QueuedMessage, TakenMessage

from webjobs_runner.in_flight import InFlightCommands
from webjobs_runner.log import logger

_LOOK_AHEAD = 2  # commands fetched before a slot is free, so that none stays empty for a round trip
_HOARD_SECONDS = 1.0  # after which a command fetched ahead is left to another runner
_RETURN_DELAY = 0.05  # seconds
_FAILURE_DELAY = 5.0  # seconds

Handler = Callable[[TakenMessage, Callable[[], None]], Awaitable[None]]
"""Handles a command; calls its second argument once when the script has ended and the slot is free."""


class RunInbox:
    """One task for each command in hand.

    Args:
        slots: Scripts of triggered jobs that may run at the same time.
        handle: Runs one.
        has_room: False while no run may begin, whatever slots are free; call `room_changed` after a change.
    """

    def __init__(
        self, bus: Bus, slots: int, handle: Handler, has_room: Callable[[], bool] = lambda: True
    ) -> None:
        self._slots = slots
        self._handle = handle
        self._has_room = has_room
        self._busy = 0
        self._ahead: deque[tuple[QueuedMessage, asyncio.TimerHandle]] = deque()
        self._freed = asyncio.Event()
        self._in_hand = InFlightCommands(
            bus,
            "runs",
            bus.subjects.run_commands,
            room=self._room,
            on_message=self._take,
            waiting=lambda: (message for message, _ in self._ahead),
        )

    @property
    def busy(self) -> int:
        """Slots in use."""
        return self._busy

    async def run(self) -> None:
        """Take commands until cancelled; what is in hand then is dropped."""
        await self._in_hand.run()

    def offer(self, message: TakenMessage) -> bool:
        """Begin a command that was found elsewhere, if a slot is free; answers whether it is begun."""
        if not self._in_hand.is_open or self._busy >= self._slots or not self._has_room():
            return False
        self._begin(message)
        return True

    async def close(self, patience_seconds: Callable[[], float]) -> None:
        """Take no more, give back what has not begun, and wait for the scripts that run to end.

        What follows the end of a script gets `patience_seconds`, asked for then: with NATS away it is done
        at the next start.
        """
        await self._in_hand.stop_taking()
        while self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            await message.give_back(0)
        while self._busy:
            self._freed.clear()
            await self._freed.wait()
        await self._in_hand.finish(patience_seconds())

    def room_changed(self) -> None:
        """Begin what was fetched ahead, and look again how many commands may be taken."""
        while self._ahead and self._in_hand.is_open and self._busy < self._slots and self._has_room():
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._begin(message)
        self._in_hand.room_changed()

    def _room(self) -> int:
        if not self._has_room():
            return 0
        return self._slots + _LOOK_AHEAD - self._busy - len(self._ahead)

    def _take(self, message: QueuedMessage) -> None:
        if self._in_hand.is_open and self._busy < self._slots and self._has_room():
            self._begin(message)
            return
        timer = asyncio.get_running_loop().call_later(_HOARD_SECONDS, self._return_oldest)
        self._ahead.append((message, timer))

    def _return_oldest(self) -> None:
        if self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._in_hand.hold(message, self._give_back(message))

    async def _give_back(self, message: QueuedMessage) -> None:
        await message.give_back(_RETURN_DELAY)
        await asyncio.sleep(_RETURN_DELAY)

    def _begin(self, message: TakenMessage) -> None:
        self._busy += 1
        is_free = False

        def free() -> None:
            nonlocal is_free
            if not is_free:
                is_free = True
                self._busy -= 1
                self._freed.set()
                self.room_changed()

        self._in_hand.hold(message, self._work(message, free))

    async def _work(self, message: TakenMessage, free: Callable[[], None]) -> None:
        try:
            await self._handle(message, free)
        except Exception:
            logger.exception("a command was not handled; it is tried again", subject=message.subject)
            await message.give_back(_FAILURE_DELAY)
        finally:
            free()
