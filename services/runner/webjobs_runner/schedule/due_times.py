"""Handles the due times of one job that have come: runs are requested first, and recorded then.

Whatever dies in between, the stream shows how far the due times are recorded, and the next runner goes on
from there. See ADR 0018 for the order of things.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from webjobs_events.errors import RevisionConflict
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.jetstream import LiveSettings
from webjobs_events.overdue import ON_TIME, DueTimeDecision, Stretch, decide_due_times
from webjobs_rules.job_settings import MissedPolicy
from webjobs_rules.run_id import run_id_at

from webjobs_runner.instance import Instance
from webjobs_runner.schedule.scheduled_job import ScheduledJob
from webjobs_runner.schedule.scheduled_runs import ScheduledRuns
from webjobs_runner.schedule.ticks import Cursor, Ticks

_LONG_AGO = timedelta(hours=1)  # due times of a longer time are counted beside the loop
_BUSY_DELAY = timedelta(seconds=1)  # after which a due time that waits for the run before is looked at again

Clock = Callable[[], datetime]


class DueTimes:
    """Records every due time once, and requests the runs."""

    def __init__(
        self, instance: Instance, settings: LiveSettings, ticks: Ticks, runs: ScheduledRuns, clock: Clock
    ) -> None:
        self._instance = instance
        self._settings = settings
        self._ticks = ticks
        self._runs = runs
        self._clock = clock

    async def deal_with(self, job: ScheduledJob, seen_at: datetime) -> datetime | None:
        """Handle what has come; returns when to check again, None when the schedule never fires again.

        Args:
            job: That is due.
            seen_at: When that was seen: how late it is counts from there, however many jobs were due then.

        Raises:
            BusUnavailable: NATS does not answer; the job is to be looked at again.
        """
        now = seen_at
        while True:
            cursor = job.cursor = job.cursor or await self._ticks.cursor(job.name)
            recorded_until = job.recorded_until(cursor)
            decision = await self._decide(job, recorded_until, now)
            if decision == DueTimeDecision():
                return job.schedule.next_due(max(recorded_until, now))
            try:
                if not await self._step(job, cursor, decision, now):
                    return now + _BUSY_DELAY
            except RevisionConflict:
                job.cursor = None  # another runner was faster
            now = self._clock()

    async def _decide(self, job: ScheduledJob, recorded_until: datetime, now: datetime) -> DueTimeDecision:
        due_times = job.schedule.due_between(recorded_until, now)
        if now - recorded_until > _LONG_AGO:
            return await asyncio.to_thread(decide_due_times, due_times, now, job.settings.missed)
        return decide_due_times(due_times, now, job.settings.missed)

    async def _step(
        self, job: ScheduledJob, cursor: Cursor, decision: DueTimeDecision, now: datetime
    ) -> bool:
        """Record the first due times; returns False when they have to wait."""
        first = decision.without_run.first if decision.without_run else decision.runs[0]
        policy = job.settings.concurrency.policy
        reason = self._held_back(job)
        is_plain = not reason and decision.without_run is None and now - first <= ON_TIME
        if not is_plain and await self._runs.was_requested(job.name, first, policy, cursor):
            await self._record_run(job, cursor, first, now)  # by a runner that died before it could record it
        elif reason:
            await self._record_stretch(job, cursor, _all_of(decision, reason), now)
        elif decision.without_run is not None:
            stands_for = decision.runs[-1] if decision.without_run.outcome is TickOutcome.MERGED else None
            await self._record_stretch(job, cursor, decision.without_run, now, stands_for)
        else:
            other = await self._runs.request(
                job.name,
                first,
                policy=policy,
                trigger=job.trigger,
                now=now,
                cursor=cursor,
                trace_seed=job.trace_seed,
            )
            if other is None:
                await self._record_run(job, cursor, first, now)
            elif job.settings.missed.policy is MissedPolicy.ALL and now - first > ON_TIME:
                return False  # it is to be run, and not at the same time
            else:
                reason = f"Run {other} was not over." if other else "Another run was not over."
                skipped = Stretch(TickOutcome.SKIPPED, first, first, 1, reason)
                await self._record_stretch(job, cursor, skipped, now)
        return True

    def _held_back(self, job: ScheduledJob) -> str:
        """Why no schedule, or not this one, starts anything now; empty when it does."""
        if self._settings.flag("WEBJOBS_STOPPED"):
            return "WEBJOBS_STOPPED is set."
        if self._settings.flag("WEBJOBS_DISABLE_SCHEDULE"):
            return "WEBJOBS_DISABLE_SCHEDULE is set."
        return "" if job.settings.enabled else "enabled is false in settings.job."

    async def _record_run(self, job: ScheduledJob, cursor: Cursor, due: datetime, now: datetime) -> None:
        event = ScheduleTicked(
            at=now,
            instance=self._instance.id,
            job_name=job.name,
            due=due,
            outcome=TickOutcome.RAN,
            run_id=run_id_at(due),
            schedule=job.schedule.expression,
            time_zone=job.schedule.time_zone,
        )
        job.cursor = await self._ticks.record(event, cursor, job.trace_seed)

    async def _record_stretch(
        self,
        job: ScheduledJob,
        cursor: Cursor,
        stretch: Stretch,
        now: datetime,
        stands_for: datetime | None = None,
    ) -> None:
        event = ScheduleTicked(
            at=now,
            instance=self._instance.id,
            job_name=job.name,
            due=stretch.first,
            until=stretch.last if stretch.count > 1 else None,
            count=stretch.count,
            outcome=stretch.outcome,
            run_id=run_id_at(stands_for) if stands_for else None,
            reason=stretch.reason,
            schedule=job.schedule.expression,
            time_zone=job.schedule.time_zone,
        )
        job.cursor = await self._ticks.record(event, cursor, job.trace_seed)


def _all_of(decision: DueTimeDecision, reason: str) -> Stretch:
    """All due times of a decision, of which none is run."""
    without_run, runs = decision.without_run, decision.runs
    return Stretch(
        TickOutcome.SKIPPED,
        without_run.first if without_run else runs[0],
        runs[-1] if runs or without_run is None else without_run.last,
        len(runs) + (without_run.count if without_run else 0),
        reason,
    )
