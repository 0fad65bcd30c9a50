"""What `hooks` prints with `--json`."""

from datetime import datetime

import msgspec


class HookShown(msgspec.Struct, frozen=True):
    """An address that is called for events."""

    id: str
    event: str
    url: str
    type: str | None
    """Only of jobs of this type."""
    job: str | None
    """Only of this job."""
    is_signed: bool
    insecure_ssl: bool
    last_status: str | None
    last_reason: str | None
    last_datetime: datetime | None
    created_at: datetime


class DeliveryShown(msgspec.Struct, frozen=True):
    """One try to call a hook."""

    delivery_id: str
    event: str
    attempt: int
    time: datetime
    duration_ms: int
    status: int | None
    reason: str
    outcome: str
    """`delivered`, `will_retry`, `gave_up`, `unsubscribed`, `failed`."""
    next_time: datetime | None
    sequence: int


class HookDone(msgspec.Struct, frozen=True):
    """What was done to a hook."""

    id: str
    done: str
