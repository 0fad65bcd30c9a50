"""Signals that a run may be next: passed to those who notice it, read by `NextRuns`."""

import asyncio
import time
from datetime import UTC, datetime

from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName

from webjobs_runner.domain.attempt import Attempt


class QueueSignals:
    """Two queues in memory. A lost signal costs time only: the queue delivers each command anyway."""

    def __init__(self) -> None:
        self._watched: set[JobName] = set()
        self.jobs: asyncio.Queue[JobName] = asyncio.Queue()
        """Watched jobs of which a command has left the queue, or whose limit has changed."""
        self.commands: asyncio.Queue[RunTriggeredJob] = asyncio.Queue()
        """Commands whose next attempt may start now."""

    def watch(self, job_name: JobName) -> None:
        """Say that a job may have several commands in the queue."""
        self._watched.add(job_name)

    def is_watched(self, job_name: JobName) -> bool:
        """Whether a job may have several commands in the queue."""
        return job_name in self._watched

    def job_changed(self, job_name: JobName) -> None:
        """The next run of a job may be allowed to start."""
        if job_name in self._watched:
            self.jobs.put_nowait(job_name)

    def attempt_waits(self, attempt: Attempt) -> None:
        """An attempt waits for its time: signal its command then."""
        due = attempt.not_before or datetime.now(UTC)
        delay = max(0.0, due.timestamp() - time.time())
        asyncio.get_running_loop().call_later(delay, self.commands.put_nowait, attempt.command)
