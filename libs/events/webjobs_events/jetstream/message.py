"""A message that a stream has stored."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StreamMessage(msgspec.Struct, frozen=True, gc=False):
    """A stored message."""

    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    stored_at_ns: int

    @property
    def stored_at(self) -> datetime:
        """When the stream took it, UTC."""
        return instant_of_ns(self.stored_at_ns)


def instant_of_ns(nanoseconds: int) -> datetime:
    """The instant, UTC, so many nanoseconds after the beginning of 1970."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
