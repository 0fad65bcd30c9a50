"""Timestamps as nats-server writes them."""

from datetime import UTC, datetime


def ns_of_timestamp(text: str) -> int:
    """Nanoseconds since 1970 of a timestamp as the server writes it, such as `2026-11-22T09:00:00.5Z`."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    instant = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return int(instant.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9])
