"""Reads one of a script's output pipes without holding anything between reads."""

import asyncio
import os
from collections.abc import Callable

READ_BYTES = 64 * 1024
READS_A_WAKE = 8  # then others have their turn


class OutputPipe:
    """The reading end of a pipe; hands on raw bytes as they come and says when they end.

    At rest it costs nothing but the descriptor: no task, no buffer, no timer.
    """

    __slots__ = ("_descriptor", "_loop", "_on_bytes", "_on_end", "_paused")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptor: int,
        on_bytes: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._paused = True

    @property
    def is_open(self) -> bool:
        """True until the end was read, or the pipe was closed from this side."""
        return self._descriptor >= 0

    def resume(self) -> None:
        """Start, or go on, reading."""
        if self._paused and self.is_open:
            self._paused = False
            self._loop.add_reader(self._descriptor, self._readable)

    def pause(self) -> None:
        """Leave what comes in the pipe: when it is full, the script waits."""
        if not self._paused and self.is_open:
            self._paused = True
            self._loop.remove_reader(self._descriptor)

    def close(self) -> None:
        """Give up the rest; `on_end` is not called."""
        self.pause()
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1

    def _readable(self) -> None:
        for _ in range(READS_A_WAKE):
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self.close()
                self._on_end()
                return
            self._on_bytes(data)
            if len(data) < READ_BYTES or self._paused:
                return
