"""The request to cancel a run, as it lies in the bucket of leases until the run has ended."""

import msgspec
from webjobs_rules.status import Reason

from webjobs_events.instant import Instant
from webjobs_events.record import Record

CANCEL_REQUEST_TTL = 7 * 86_400  # seconds
"""After which a request that was not carried out is dropped; one that was is dropped long before."""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The runner that has the run ends it; a runner that takes its command does not start it.

    Attributes:
        reason: Why the run ends.
        evidence: A sentence saying who requested it.
        requested_at: When.
    """

    reason: Reason = Reason.CANCELLED
    evidence: str
    requested_at: Instant


_record = Record(CancelRequest)
encode_cancel_request = _record.encode
decode_cancel_request = _record.decode
