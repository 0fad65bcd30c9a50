"""Wishing that a run be ended; whoever has it ends it."""

from datetime import datetime

from webjobs_events.cancel_request import CANCEL_REQUEST_TTL, CancelRequest, encode_cancel_request
from webjobs_events.jetstream import Bus
from webjobs_events.queries import RunView
from webjobs_events.status import is_terminal
from webjobs_events.subjects import Subjects

from webjobs_api.errors import RunHasEnded


async def cancel(bus: Bus, run: RunView, requested_by: str, now: datetime) -> None:
    """Wish that a run be ended, as Aborted and cancelled; it has been accepted when this returns.

    Raises:
        RunHasEnded: There is nothing to be ended.
        BusUnavailable: NATS does not answer.
    """
    if is_terminal(run.status):
        raise RunHasEnded(run)
    wish = CancelRequest(evidence=f"Cancelled by {requested_by}.", requested_at=now)
    await bus.leases.put(
        Subjects.cancel_key(run.job_name, run.run_id), encode_cancel_request(wish), ttl=CANCEL_REQUEST_TTL
    )
