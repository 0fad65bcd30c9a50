"""What a change of the clocks does to a schedule: which of its times are skipped, moved or doubled; pure."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webjobs_rules.schedule import Schedule
from webjobs_rules.time_zone import Offset, offsets

_MOST_TIMES = 10_000  # of a change that are looked at
_INSTANT = timedelta(microseconds=1)
_NEAR = timedelta(days=2)  # more than any clock is put forward or back
_NONE = timedelta(0)


class ClockEffect(StrEnum):
    """What becomes of the times of a schedule that a change of the clocks touches."""

    MOVED = "moved"
    """The clock skips them: they are due when the old clock would have shown them."""
    SKIPPED = "skipped"
    """The clock skips them, and nothing is due for them."""
    ONCE = "once"
    """The clock shows them twice: they are due the first time only."""
    DOUBLED = "doubled"
    """The clock shows them twice, and they are due both times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """A change of the clocks that touches a schedule.

    Attributes:
        at: When, UTC.
        effect: On the times of the schedule that it touches.
        clock: What the clock shows when it is changed.
        shift: By how much it is put forward; negative when it is put back.
        times: That are touched, as a clock shows them, in order.
        due: When those are due nevertheless, UTC, in order; only those that the effect changes.
    """

    at: datetime
    effect: ClockEffect
    clock: datetime
    shift: timedelta
    times: tuple[datetime, ...]
    due: tuple[datetime, ...]

    @property
    def words(self) -> str:
        """The change and its effect as a sentence."""
        way = "forward" if self.shift > _NONE else "back"
        changed = self.clock + self.shift
        return (
            f"On {self.clock:%Y-%m-%d} at {self.clock:%H:%M} the clocks are put {way} to {changed:%H:%M}: "
            f"{self._times_in_words()} {self._effect_in_words()}."
        )

    def _times_in_words(self) -> str:
        first, last = self.times[0], self.times[-1]
        match len(self.times):
            case 1:
                return f"{first:%H:%M:%S}"
            case 2:
                return f"{first:%H:%M:%S} and {last:%H:%M:%S}"
            case count:
                return f"{count:,} times from {first:%H:%M:%S} to {last:%H:%M:%S}"

    def _effect_in_words(self) -> str:
        is_one = len(self.times) == 1
        match self.effect:
            case ClockEffect.MOVED:
                moved = self.times[0] + self.shift
                return f"{'does' if is_one else 'do'} not exist then, due from {moved:%H:%M:%S} on instead"
            case ClockEffect.SKIPPED:
                return f"{'does' if is_one else 'do'} not exist then, and nothing is due instead"
            case ClockEffect.ONCE:
                return f"{'comes' if is_one else 'come'} twice, due the first time only"
            case ClockEffect.DOUBLED:
                return f"{'comes' if is_one else 'come'} twice, due both times"


def clock_changes(schedule: Schedule, after: datetime, until: datetime) -> Iterator[ClockChange]:
    """The changes later than `after`, up to `until`, that touch a schedule, in order."""
    for stretch in offsets(schedule.zone, after, until):
        if stretch.shift and after < stretch.start <= until:
            change = _change(schedule, stretch)
            if change is not None:
                yield change


def clock_change_of(schedule: Schedule, due: datetime) -> ClockChange | None:
    """The change of the clocks that makes a due time a special one; None when there is none."""
    return next((each for each in clock_changes(schedule, due - _NEAR, due + _NEAR) if due in each.due), None)


def _change(schedule: Schedule, stretch: Offset) -> ClockChange | None:
    new, old = stretch.offset, stretch.offset - stretch.shift
    clock = (stretch.start + old).replace(tzinfo=None)
    first = clock + min(_NONE, stretch.shift)
    times = _matching(schedule, first, first + abs(stretch.shift))
    if not times:
        return None

    def instants(walls: tuple[datetime, ...], offset: timedelta) -> tuple[datetime, ...]:
        return tuple(wall.replace(tzinfo=stretch.start.tzinfo) - offset for wall in walls)

    is_even = schedule.goes_by_elapsed_time(stretch.shift)
    due: tuple[datetime, ...] = ()
    if stretch.shift < _NONE:
        effect = ClockEffect.DOUBLED if is_even else ClockEffect.ONCE
        due = instants(times, old) + (instants(times, new) if is_even else ())
    else:
        # What falls on a time that is due anyway is not due a second time.
        others = set(_matching(schedule, first + stretch.shift, first + 2 * stretch.shift))
        moved = () if is_even else tuple(time for time in times if time + stretch.shift not in others)
        effect, times = (ClockEffect.MOVED, moved) if moved else (ClockEffect.SKIPPED, times)
        due = instants(moved, old)
    return ClockChange(
        at=stretch.start, effect=effect, clock=clock, shift=stretch.shift, times=times, due=due
    )


def _matching(schedule: Schedule, begin: datetime, end: datetime) -> tuple[datetime, ...]:
    """Times of a wall clock from `begin` to before `end` that the expression names."""
    found = itertools.takewhile(lambda wall: wall < end, schedule.cron.after(begin - _INSTANT))
    return tuple(itertools.islice(found, _MOST_TIMES))
