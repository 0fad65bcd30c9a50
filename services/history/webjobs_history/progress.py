"""How far the projection is, and waiting for it: known where this replica projects, guessed elsewhere."""

import asyncio

from webjobs_history.metrics import POSITION, PROJECTING


class Progress:
    """Set by the projector, read by queries."""

    def __init__(self) -> None:
        self._projecting = False
        self._sequence = 0
        self._moved = asyncio.Event()

    def reached(self, sequence: int) -> None:
        """This replica projects, and everything up to this event is committed."""
        self._projecting = True
        self._sequence = sequence
        POSITION.set(sequence)
        PROJECTING.set(1)
        self._wake()

    def ended(self) -> None:
        """This replica projects no longer: how far the rows are is known to another one."""
        self._projecting = False
        PROJECTING.set(0)
        self._wake()

    def has(self, sequence: int) -> bool:
        """Whether the rows are known to include this event."""
        return sequence == 0 or (self._projecting and self._sequence >= sequence)

    async def worth_reading(self, sequence: int, guess: float) -> None:
        """Wait until the rows include this event, or, where another replica projects, `guess` seconds."""
        if not self._projecting and guess:
            await asyncio.sleep(guess)
        while self._projecting and self._sequence < sequence:
            await self._moved.wait()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
