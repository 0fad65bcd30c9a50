"""What `events` prints with `--json`."""

from datetime import datetime
from typing import Any

import msgspec


class EventShown(msgspec.Struct, frozen=True):
    """An event."""

    sequence: int
    event: str
    """Its name; `gap` when events are not stored any more."""
    at: datetime | None
    subject: str | None
    """`TYPE/JOB` or `TYPE/JOB/RUN`."""
    data: dict[str, Any]
