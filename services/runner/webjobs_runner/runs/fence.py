"""Ends the script of a run before the lease of its runner does, so that a concurrency limit holds."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webjobs_runner.heartbeat import Peers
from webjobs_runner.processes.process import ScriptProcess


class Fence:
    """For a run of a job with a limit: others start the next one when this runner seems lost.

    The script is asked to end when the lease could not be renewed for some time, and is killed by the
    launcher before the lease ends, even if this process stands still.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._terms = peers.terms
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_overdue(self) -> bool:
        """Whether the lease was not renewed for so long that no script may start, and each has to end."""
        return time.monotonic() >= self._peers.lease_end - self._terms.stop_margin_seconds

    @property
    def has_expired(self) -> bool:
        """Whether the launcher has killed the script, or is about to."""
        return time.monotonic() >= self._peers.lease_end - self._terms.kill_margin_seconds

    @property
    def evidence(self) -> str:
        """Why the script was ended, or not started, as a sentence."""
        overdue = time.monotonic() - (self._peers.lease_end - self._terms.seconds)
        return (
            f"Its runner could not renew its lease for {overdue:.1f} s. "
            "The run was ended so that no more runs of the job than its limit are alive."
        )

    @contextmanager
    def around(self, process: ScriptProcess, stop: Callable[[], None]) -> Iterator[None]:
        """Watch the lease while the body runs.

        Args:
            process: Of the script, which is killed at the latest.
            stop: Called when the script is to be asked to end.
        """
        loop = asyncio.get_running_loop()

        def renewed(lease_end: float) -> None:
            process.limit(lease_end - self._terms.kill_margin_seconds)
            if self._timer is not None:
                self._timer.cancel()
            left = lease_end - self._terms.stop_margin_seconds - time.monotonic()
            self._timer = loop.call_later(max(0.0, left), stop)

        try:
            with self._peers.guarding(renewed):
                yield
        finally:
            if self._timer is not None:
                self._timer.cancel()
