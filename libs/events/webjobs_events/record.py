"""Values of keys in buckets, as JSON."""

from typing import Generic, TypeVar

import msgspec

from webjobs_events.errors import MALFORMED, UndecodableMessage

T = TypeVar("T")


class Record(Generic[T]):
    """Writes and reads the values of one type.

    Args:
        kind: The type, a frozen struct.
    """

    def __init__(self, kind: type[T]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(kind)

    def encode(self, value: T) -> bytes:
        """Returns a value as JSON."""
        return self._encoder.encode(value)

    def decode(self, key: str, data: bytes) -> T:
        """Returns the value of a key.

        Raises:
            UndecodableMessage: The data are no value of this type.
        """
        try:
            return self._decoder.decode(data)
        except MALFORMED as error:
            raise UndecodableMessage(key, str(error)) from error
