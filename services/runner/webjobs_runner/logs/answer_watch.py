"""Notices that what was published is not acknowledged."""

import asyncio
from collections.abc import Callable


class AnswerWatch:
    """One timer for all that is in flight, however often its owner waits.

    Args:
        seconds: Without an acknowledgement, while one is expected, after which it is overdue.
        on_overdue: Called then, once until `reset`.
    """

    def __init__(self, seconds: float, on_overdue: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_overdue = on_overdue
        self._is_expected = False
        self._moved_at = 0.0  # time of the loop
        self._timer: asyncio.TimerHandle | None = None
        self.is_overdue = False

    def expect(self) -> None:
        """Something was published; what is expected already is not granted more time."""
        if not self._is_expected:
            self._is_expected = True
            self._moved_at = asyncio.get_running_loop().time()
            self._set_timer()

    def came(self, *, more: bool) -> None:
        """An acknowledgement came; `more` says whether more are expected."""
        self._is_expected = more
        self._moved_at = asyncio.get_running_loop().time()

    def reset(self) -> None:
        """Nothing is expected any more."""
        self._is_expected = self.is_overdue = False

    def close(self) -> None:
        """Reset, and stop the timer."""
        self.reset()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._moved_at + self._seconds, self._check)

    def _check(self) -> None:
        self._timer = None
        if not self._is_expected:
            return
        if self._moved_at + self._seconds > asyncio.get_running_loop().time():
            self._set_timer()
        else:
            self.is_overdue = True
            self._on_overdue()
