"""The wish that a run be ended, as it lies in the bucket of leases until the run has ended."""

import msgspec

from webjobs_events.errors import MALFORMED, UndecodableMessage
from webjobs_events.instant import Instant
from webjobs_events.status import Reason

CANCEL_REQUEST_TTL = 7 * 86_400  # seconds
"""After which a wish that nobody met is dropped; what it met drops it long before."""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever has the run in hand ends it; whoever takes its command does not begin it.

    Attributes:
        reason: Why the run ends.
        evidence: A sentence saying who wished it.
        requested_at: When.
    """

    reason: Reason = Reason.CANCELLED
    evidence: str
    requested_at: Instant


_decoder = msgspec.json.Decoder(CancelRequest)
_encoder = msgspec.json.Encoder()


def encode_cancel_request(wish: CancelRequest) -> bytes:
    """A wish as JSON."""
    return _encoder.encode(wish)


def decode_cancel_request(key: str, data: bytes) -> CancelRequest:
    """The wish in an entry.

    Raises:
        UndecodableMessage: It is none.
    """
    try:
        return _decoder.decode(data)
    except MALFORMED as error:
        raise UndecodableMessage(key, str(error)) from error
