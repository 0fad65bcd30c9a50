"""What a key-value bucket holds under a key."""

from collections.abc import Mapping
from dataclasses import dataclass

OPERATION_HEADER = "KV-Operation"
_MARKER_HEADER = "Nats-Marker-Reason"


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the revision (sequence in the bucket's stream) at which it was written."""

    value: bytes
    revision: int


def is_removal(headers: Mapping[str, str]) -> bool:
    """Whether a bucket's message with these headers means that its key was removed, or has expired."""
    return headers.get(OPERATION_HEADER) in ("DEL", "PURGE") or _MARKER_HEADER in headers
