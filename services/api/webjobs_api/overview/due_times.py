"""The next due time of every schedule, computed again only when it has passed or the schedule changed."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName
from webjobs_rules.schedule import enabled_schedule

_AT_ONCE = 20  # schedules; those of more jobs are read beside the event loop


@dataclass(frozen=True, slots=True)
class _Known:
    settings: Mapping[str, Any]
    site_zone: str | None
    is_scheduled: bool
    due: datetime | None

    def is_current(self, definition: JobDefinition, site_zone: str | None, now: datetime) -> bool:
        return (
            self.settings is definition.settings
            and self.site_zone == site_zone
            and (self.due is None or self.due > now)
        )


class DueTimes:
    """Remembers the next due time of each job."""

    def __init__(self) -> None:
        self._known: dict[JobName, _Known] = {}

    async def next_of(
        self, definitions: Iterable[JobDefinition], site_zone: str | None, now: datetime
    ) -> dict[JobName, datetime | None]:
        """The next due time of each of these triggered jobs that has a schedule; None: not in fifty years.

        Args:
            definitions: Of all triggered jobs: others are forgotten.
            site_zone: WEBSITE_TIME_ZONE.
            now: This instant.
        """
        known, stale = self._known, []
        current: dict[JobName, _Known] = {}
        for definition in definitions:
            each = known.get(definition.job_name)
            if each is not None and each.is_current(definition, site_zone, now):
                current[definition.job_name] = each
            else:
                stale.append(definition)
        if len(stale) <= _AT_ONCE:
            current |= _computed(stale, site_zone, now)
        else:
            current |= await asyncio.to_thread(_computed, stale, site_zone, now)
        self._known = current
        return {name: each.due for name, each in current.items() if each.is_scheduled}


def _computed(
    definitions: Iterable[JobDefinition], site_zone: str | None, now: datetime
) -> dict[JobName, _Known]:
    found = {}
    for definition in definitions:
        schedule = enabled_schedule(definition.settings, site_zone)
        due = schedule.next_due(now) if schedule else None
        found[definition.job_name] = _Known(definition.settings, site_zone, schedule is not None, due)
    return found


DUE_TIMES = web.AppKey("due_times", DueTimes)
