"""Requests that a run be cancelled; its runner ends it."""

from datetime import datetime

from webjobs_events.cancel_request import CANCEL_REQUEST_TTL, CancelRequest, encode_cancel_request
from webjobs_events.jetstream import Bus
from webjobs_events.queries import RunView
from webjobs_events.subjects import Subjects
from webjobs_rules.status import is_terminal

from webjobs_api.http.run_errors import RunHasEnded


async def cancel(bus: Bus, run: RunView, requested_by: str, now: datetime, reason: str | None = None) -> None:
    """Request that a run end as Aborted, cancelled; the request is stored when this returns.

    The evidence of the run names who requested it, and the reason that was given.

    Raises:
        RunHasEnded: There is nothing to be ended.
        BusUnavailable: NATS does not answer.
    """
    if is_terminal(run.status):
        raise RunHasEnded(run)
    why = f": {reason.rstrip('.')}" if reason else ""
    request = CancelRequest(evidence=f"Cancelled by {requested_by}{why}.", requested_at=now)
    key = Subjects.cancel_key(run.job_name, run.run_id)
    await bus.leases.put(key, encode_cancel_request(request), ttl=CANCEL_REQUEST_TTL)
