"""Retries over an outage, which is logged at its beginning, once a minute while it lasts, and at its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from webjobs_events.errors import BusUnavailable

T = TypeVar("T")

RETRY_DELAY = 0.5
"""Seconds between two tries."""

REMIND_SECONDS = 60.0
"""Between two log lines about the same outage."""

OUTAGE_PATIENCE = 3.0
"""Seconds of failure before a line, where another outage that explains it may be noticed a moment later."""


class Outage:
    """One thing that may be unavailable, such as NATS, Postgres, or what a loop retries.

    `retry` is the one loop around work that waits for NATS or Postgres. Loops with a rhythm of their own,
    such as renewals, call `failed` at every try and `ended` after every success, however often that is.

    Args:
        logger: Receives the log lines.
        what: What is unavailable, for example `nats`; the first words of each line.
        patience: Seconds of continuous failure before the first line; a failure that is over by then is
            logged at debug level only.
        explained_by: Returns True while another outage, which is logged elsewhere, is the cause.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        logger: Any,
        what: str,
        *,
        patience: float = 0.0,
        explained_by: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._begins = f"{what} unavailable"
        self._goes_on = f"{what} still unavailable"
        self._ends = f"{what} available again"
        self._patience = patience
        self._explained_by = explained_by
        self._clock = clock
        self._began_at: float | None = None
        self._remind_at: float | None = None
        """None until the first line is written."""
        self._tries = 0

    @property
    def is_on(self) -> bool:
        """Whether the last try failed."""
        return self._began_at is not None

    async def retry(
        self,
        work: Callable[[], Awaitable[T]],
        *,
        errors: tuple[type[Exception], ...] = (BusUnavailable,),
        delay: float = RETRY_DELAY,
        describe: Callable[[Exception], str] = lambda error: str(error) or type(error).__name__,
        **fields: object,
    ) -> T:
        """Repeat `work` until it raises none of `errors`, and return its result.

        Work that never returns calls `ended` itself, at each sign of success.

        Args:
            work: Makes one try; everything that failed is done again at the next.
            errors: Those after which another try makes sense; others are raised at once.
            delay: Seconds between two tries.
            describe: The reason in the log line.
            fields: More for the line.
        """
        while True:
            try:
                result = await work()
            except errors as error:
                self.failed(describe(error), **fields)
            else:
                self.ended()
                return result
            await asyncio.sleep(delay)

    def failed(self, reason: str, **fields: object) -> None:
        """Record a failed try; writes a line if one is due.

        Args:
            reason: Why it failed; free of credentials.
            fields: More for the line.
        """
        now = self._clock()
        if self._explained_by():
            if self._remind_at is None:
                self._began_at = now  # patience counts from here, if it goes on without that cause
            self._logger.debug(self._begins, reason=reason, **fields)
            return
        if self._began_at is None:
            self._began_at, self._tries = now, 0
        self._tries += 1
        if self._remind_at is None:
            if now - self._began_at < self._patience:
                self._logger.debug(self._begins, reason=reason, **fields)
                return
            self._logger.warning(self._begins, reason=reason, **fields)
            self._remind_at = now + REMIND_SECONDS
        elif now >= self._remind_at:
            self._logger.warning(
                self._goes_on,
                reason=reason,
                seconds=round(now - self._began_at),
                tries=self._tries,
                **fields,
            )
            self._remind_at = now + REMIND_SECONDS

    def ended(self) -> None:
        """Record a success; writes a line if the outage was logged."""
        began_at, self._began_at = self._began_at, None
        remind_at, self._remind_at = self._remind_at, None
        if began_at is not None and remind_at is not None:
            seconds = round(self._clock() - began_at, 1)
            self._logger.info(self._ends, seconds=seconds, tries=self._tries)
