"""How far this replica knows the projection to be, and waiting for it to move."""

import asyncio
import contextlib

from webjobs_history.metrics import POSITION


class Progress:
    """Told by the projector after each commit; on other replicas it stays silent and waits run out."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()

    def reached(self, sequence: int) -> None:
        """Everything up to this event is committed."""
        POSITION.set(sequence)
        self._moved.set()
        self._moved = asyncio.Event()

    async def moves(self, timeout: float) -> None:
        """Wait until the projection moves, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._moved.wait()
