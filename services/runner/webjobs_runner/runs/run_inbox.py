"""Takes run commands from the queue: as many as there are free slots, and a few ahead."""

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
_MOST_FINISHING = 256  # runs whose scripts have ended; beyond, no more start until some are settled

Handler = Callable[[TakenMessage, Callable[[], None]], Awaitable[None]]
"""Handles a command; calls its second argument once when the last process of its script is gone."""


class RunInbox:
    """One task for each command that is handled.

    A slot is held for a script. What follows its end (final event, log, settlement) goes on beside the
    next scripts, for a bounded number of runs.

    Args:
        slots: Scripts of triggered jobs that run at the same time, at most.
        handle: Handles one command.
        has_room: False while no run may start, whatever slots are free; call `room_changed` after a change.
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
        self._in_flight = InFlightCommands(
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
        """Take commands until cancelled; those that are handled then are dropped."""
        await self._in_flight.run()

    def offer(self, message: TakenMessage) -> bool:
        """Handle a command that was looked up; False when no slot is free."""
        if not self._may_start:
            return False
        self._begin(message)
        return True

    async def close(self, patience_seconds: Callable[[], float]) -> None:
        """Take no more, give back what was fetched ahead, and wait for the scripts that run to end.

        What follows the end of a script gets `patience_seconds`, evaluated then: with NATS away it is done
        at the next start.
        """
        await self._in_flight.stop_taking()
        while self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            await message.give_back(0)
        while self._busy:
            self._freed.clear()
            await self._freed.wait()
        await self._in_flight.finish(patience_seconds())

    def room_changed(self) -> None:
        """Start what was fetched ahead, and take as many commands as there is room for now."""
        while self._ahead and self._may_start:
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._begin(message)
        self._in_flight.room_changed()

    def _room(self) -> int:
        if not self._has_room() or self._finishing >= _MOST_FINISHING:
            return 0
        return self._slots + _LOOK_AHEAD - self._busy - len(self._ahead)

    @property
    def _may_start(self) -> bool:
        is_free = self._busy < self._slots and self._finishing < _MOST_FINISHING
        return is_free and self._in_flight.is_open and self._has_room()

    @property
    def _finishing(self) -> int:
        """Commands whose scripts have ended, and that are not settled yet."""
        return max(0, len(self._in_flight) - self._busy)

    def _take(self, message: QueuedMessage) -> None:
        if self._may_start:
            self._begin(message)
            return
        timer = asyncio.get_running_loop().call_later(_HOARD_SECONDS, self._return_oldest)
        self._ahead.append((message, timer))

    def _return_oldest(self) -> None:
        if self._ahead:
            message, timer = self._ahead.popleft()
            timer.cancel()
            self._in_flight.hold(message, self._give_back(message))

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

        self._in_flight.hold(message, self._work(message, free))

    async def _work(self, message: TakenMessage, free: Callable[[], None]) -> None:
        try:
            await self._handle(message, free)
        except Exception:
            logger.exception("a command was not handled; it is tried again", subject=message.subject)
            await message.give_back(_FAILURE_DELAY)
        finally:
            free()
