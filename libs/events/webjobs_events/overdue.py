"""Decides about due times that have come: those seen in time, and those that passed unseen."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from webjobs_rules.job_settings import Missed, MissedPolicy

from webjobs_events.events import TickOutcome

ON_TIME = timedelta(seconds=5)
"""So late a due time still counts as seen in time: a busy machine, or a runner that takes another's place."""

MOST_CAUGHT_UP = 100
"""So many runs at most are started for due times that passed unseen, however many there are."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Due times in a row that end the same way, without a run of their own."""

    outcome: TickOutcome
    first: datetime
    last: datetime
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class DueTimeDecision:
    """What to do: first record a stretch without runs, if there is one, then run each of some due times."""

    without_run: Stretch | None = None
    runs: tuple[datetime, ...] = ()


def decide_due_times(due_times: Iterable[datetime], now: datetime, missed: Missed) -> DueTimeDecision:
    """Decide about due times that are not recorded yet.

    One alone that has just come is run. Of several, all but the last passed unseen, and so did the last
    one if it is not on time; the policy decides about them together:

    - `skip`: they are missed; the last one is run if it is on time.
    - `once`: if the first of them is at most `within` late, the last one is run and stands for all of
      them. Otherwise all are missed, and the schedule goes on with its next due time.
    - `all`: each that is at most `within` late is run, the latest hundred of them; the others are missed.

    Source: Kudu, Schedule.cs, is `once` within ten minutes.

    Args:
        due_times: In order, none later than `now`; they may be very many.
        now: This instant.
        missed: The job's policy.
    """
    within = max(timedelta(seconds=missed.within), ON_TIME)
    is_all = missed.policy is MissedPolicy.ALL
    most = MOST_CAUGHT_UP if is_all else 1
    kept: deque[datetime] = deque()
    passed = _Passed()
    for due in due_times:
        kept.append(due)
        if len(kept) > most or (is_all and now - due > within):
            passed.add(kept.popleft())
    if kept and not is_all:
        first = passed.first or kept[0]
        is_run = now - kept[0] <= ON_TIME if missed.policy is MissedPolicy.SKIP else now - first <= within
        if not is_run:
            passed.add(kept.pop())
    return DueTimeDecision(passed.as_stretch(now, missed, within, bool(kept)), tuple(kept))


@dataclass(slots=True)
class _Passed:
    """Due times that get no run of their own."""

    first: datetime | None = None
    last: datetime | None = None
    count: int = 0

    def add(self, due: datetime) -> None:
        self.first = self.first or due
        self.last = due
        self.count += 1

    def as_stretch(
        self, now: datetime, missed: Missed, within: timedelta, one_is_run: bool
    ) -> Stretch | None:
        if self.first is None or self.last is None:
            return None
        if missed.policy is MissedPolicy.ONCE and one_is_run:
            reason = "One run stands for it and for later ones."
            return Stretch(TickOutcome.MERGED, self.first, self.last, self.count, reason)
        late = f"It was seen only {(now - self.first).total_seconds():.0f} s late"
        if missed.policy is MissedPolicy.SKIP:
            reason = f"{late}, and missed.policy is skip."
        elif now - self.last > within or missed.policy is MissedPolicy.ONCE:
            reason = f"{late}, and missed.within is {missed.within:g} s."
        else:
            reason = f"{late}, and of many only the last {MOST_CAUGHT_UP} are run."
        return Stretch(TickOutcome.MISSED, self.first, self.last, self.count, reason)
