"""Watches the schedules of all triggered jobs: one heap, one loop, and a task for each job that is due."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Definitions, JobKey, LiveSettings
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.schedule import known_zone

from webjobs_runner.log import logger
from webjobs_runner.schedule.due_times import Clock, DueTimes
from webjobs_runner.schedule.scheduled_job import ScheduledJob, scheduled_job
from webjobs_runner.schedule.ticks import Cursor, Ticks

TIME_ZONE_SETTING = "WEBSITE_TIME_ZONE"

_LONGEST_SLEEP = 2.0  # seconds, after which a step of the wall clock is noticed
_SLOTS = 16  # jobs dealt with at the same time
_RETRY_DELAY = timedelta(seconds=0.5)
_FAILURE_DELAY = timedelta(seconds=30)


def wall_clock() -> datetime:
    """This instant, as the machine's clock shows it."""
    return datetime.now(UTC)


class Schedules:
    """Every runner watches all schedules; which of them deals with a due time does not matter."""

    def __init__(
        self,
        definitions: Definitions,
        settings: LiveSettings,
        ticks: Ticks,
        due_times: DueTimes,
        clock: Clock = wall_clock,
    ) -> None:
        self._definitions = definitions
        self._settings = settings
        self._ticks = ticks
        self._due_times = due_times
        self._clock = clock
        self._jobs: dict[JobName, ScheduledJob] = {}
        self._heap: list[tuple[datetime, int, ScheduledJob]] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_SLOTS)
        definitions.on_change(self._defined)
        settings.on_change(self._setting_changed)

    def __len__(self) -> int:
        return len(self._jobs)

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._read_cursors()
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._clock()
                while self._heap and self._heap[0][0] <= now:
                    _, _, job = heapq.heappop(self._heap)
                    if self._is_current(job):
                        group.create_task(self._deal_with(job, now), name=f"schedule {job.name}")
                await self._sleep(now)

    async def _read_cursors(self) -> None:
        """Learn by one question what would else be asked for each job."""
        cursors = await self._ticks.all_cursors()
        for job in self._jobs.values():
            job.cursor = cursors.get(job.name, Cursor())

    async def _sleep(self, now: datetime) -> None:
        """Until the first job is due, but not long: the clock may be put forward or back meanwhile."""
        seconds = None
        if self._heap:
            seconds = min(_LONGEST_SLEEP, max(0.0, (self._heap[0][0] - now).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _deal_with(self, job: ScheduledJob, seen_at: datetime) -> None:
        next_at: datetime | None
        try:
            async with self._slots:
                next_at = await self._due_times.deal_with(job, seen_at)
        except BusUnavailable as error:
            logger.debug("schedule waits for NATS", job=job.name, error=str(error))
            job.cursor, next_at = None, self._clock() + _RETRY_DELAY
        except Exception:  # whatever it was, it must not stop the other jobs' schedules
            logger.exception("schedule failed; it is looked at again", job=job.name)
            job.cursor, next_at = None, self._clock() + _FAILURE_DELAY
        if next_at is not None and self._is_current(job):
            self._look_at(job, next_at)

    def _look_at(self, job: ScheduledJob, at: datetime) -> None:
        job.next_at = at
        heapq.heappush(self._heap, (at, next(self._numbers), job))
        self._wake.set()

    def _is_current(self, job: ScheduledJob) -> bool:
        return self._jobs.get(job.name) is job

    def _defined(self, key: JobKey, definition: JobDefinition | None) -> None:
        job_type, job_name = key
        if job_type is JobType.TRIGGERED:
            self._define(job_name, definition, is_change=False)

    def _setting_changed(self, name: str) -> None:
        if name != TIME_ZONE_SETTING:
            return
        zone = self._settings.get(TIME_ZONE_SETTING)
        if zone and known_zone(zone) == "UTC":
            logger.warning("schedules are meant in UTC", setting=TIME_ZONE_SETTING, value=zone)
        for key, definition in self._definitions.all():
            job = self._jobs.get(key[1])
            if key[0] is JobType.TRIGGERED and job is not None and job.settings.time_zone is None:
                self._define(key[1], definition, is_change=True)

    def _define(self, job_name: JobName, definition: JobDefinition | None, *, is_change: bool) -> None:
        before, job = self._jobs.pop(job_name, None), None
        if definition is not None:
            try:
                zone = self._settings.get(TIME_ZONE_SETTING)
                job = scheduled_job(definition, zone, self._clock(), is_change=is_change)
            except WebJobsError as error:
                logger.error("schedule cannot be followed", job=job_name, error=str(error))
        if job is None:
            return
        job.cursor = before.cursor if before is not None else None
        if before is not None and before.schedule == job.schedule and not is_change:
            is_recorded = definition is not None and definition.scheduled_since is not None
            job.since = max(job.since, before.since) if is_recorded else before.since
        self._jobs[job_name] = job
        self._look_at(job, job.next_at)
