"""What this runner reports of its environments: how many, how large, and for which jobs it builds one."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client import Gauge
from webjobs_environments.language import Languages
from webjobs_events.heartbeat import EnvironmentsReport, PreparingJob
from webjobs_rules.job import JobName, JobType

ENVIRONMENTS = Gauge("webjobs_runner_environments", "Environments with packages of jobs")
ENVIRONMENT_BYTES = Gauge("webjobs_runner_environment_bytes", "Size of all of them")
CACHE_BYTES = Gauge("webjobs_runner_package_cache_bytes", "Size of the downloaded packages")

MOST_PREPARING = 50
"""Jobs that are named; a heartbeat is small."""

_BRIEF = 0.2  # seconds: a preparation that is over by then found its environment, and is not reported


@dataclass(frozen=True, slots=True)
class Stored:
    """How many environments there are, and their bytes."""

    count: int = 0
    bytes: int = 0


class EnvironmentsState:
    """Gathers what is reported.

    Args:
        environment_limit: Bytes that one environment may have.
        cache_limit: Bytes that downloads may have together.
    """

    def __init__(self, environment_limit: int, cache_limit: int) -> None:
        self._limits = environment_limit, cache_limit
        self._stored: Stored | None = None
        self._cache_bytes: int | None = None
        self._preparing: dict[str, PreparingJob] = {}  # in the order of their begin
        self._reported: set[str] = set()
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this after each change of the report."""
        self._listeners.append(listener)

    @property
    def report(self) -> EnvironmentsReport:
        """What the heartbeat says."""
        jobs: dict[tuple[str, str, bool], PreparingJob] = {}
        for token, each in self._preparing.items():
            if token in self._reported:
                key = each.job_type, each.job_name, each.is_new_version
                jobs[key] = _both(jobs[key], each) if key in jobs else each
        environment_limit, cache_limit = self._limits
        return EnvironmentsReport(
            count=self._stored.count if self._stored else None,
            bytes=self._stored.bytes if self._stored else None,
            cache_bytes=self._cache_bytes,
            environment_limit=environment_limit,
            cache_limit=cache_limit,
            preparing=list(jobs.values())[:MOST_PREPARING],
            preparing_count=len(jobs),
        )

    def measured(self, stored: Stored) -> None:
        """Report how many environments there are now, and their bytes."""
        ENVIRONMENTS.set(stored.count)
        ENVIRONMENT_BYTES.set(stored.bytes)
        if stored != self._stored:
            self._stored = stored
            self._changed()

    def cache_measured(self, cache_bytes: int) -> None:
        """Report the bytes of what was downloaded."""
        CACHE_BYTES.set(cache_bytes)
        if cache_bytes != self._cache_bytes:
            self._cache_bytes = cache_bytes
            self._changed()

    @contextmanager
    def preparing(
        self,
        job_type: JobType,
        job_name: JobName,
        *,
        patience: float | None = None,
        is_new_version: bool = False,
    ) -> Iterator[None]:
        """Report that the packages of a job are being installed while the body runs.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            patience: Seconds after which what waits for them is given up; None when nothing waits.
            is_new_version: Whether they are those of files that are being deployed.
        """
        token, now = secrets.token_hex(8), datetime.now(UTC)
        self._preparing[token] = PreparingJob(
            job_type=job_type.value,
            job_name=job_name,
            since=now,
            until=None if patience is None else now + timedelta(seconds=patience),
            is_new_version=is_new_version,
        )
        timer = asyncio.get_running_loop().call_later(_BRIEF, self._report, token)
        try:
            yield
        finally:
            timer.cancel()
            del self._preparing[token]
            if token in self._reported:
                self._reported.discard(token)
                self._changed()

    def _report(self, token: str) -> None:
        self._reported.add(token)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def stored_in(languages: Languages) -> Stored:
    """How many environments there are, and their bytes, as their markers say."""
    markers = [
        marker
        for folders in (each.folders for each in languages.all)
        for key in folders.keys()
        if (marker := folders.read_marker(key)) is not None
    ]
    return Stored(len(markers), sum(marker.contents.bytes for marker in markers))


def _both(one: PreparingJob, other: PreparingJob) -> PreparingJob:
    """Two preparations of one job as one: since the first began, until the last wait ends."""
    untils = [each.until for each in (one, other) if each.until is not None]
    return PreparingJob(
        job_type=one.job_type,
        job_name=one.job_name,
        since=min(one.since, other.since),
        until=max(untils, default=None),
        is_new_version=one.is_new_version,
    )
