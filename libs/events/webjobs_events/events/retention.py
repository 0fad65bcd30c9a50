"""The removal of old runs."""

from webjobs_rules.run_id import SentRunId

from webjobs_events.events.event import TriggeredEvent
from webjobs_events.subjects import token_of


class Purged(TriggeredEvent, frozen=True, kw_only=True, tag="Purged"):
    """Old runs were removed by retention: rows, logs and run folders go together.

    Attributes:
        run_ids: Of the runs removed, oldest first; all of them had ended.
        limit: WEBJOBS_HISTORY_SIZE when it was decided.
    """

    run_ids: list[SentRunId]
    limit: int

    @property
    def event_id(self) -> str:
        return f"triggered/{token_of(self.job_name)}/Purged/{self.run_ids[-1]}"
