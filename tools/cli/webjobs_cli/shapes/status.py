"""What `status` prints with `--json`."""

import msgspec


class Part(msgspec.Struct, frozen=True):
    """A service or server, in `status`."""

    name: str
    """`api`, `runner`, `history` or `nats`."""
    instance: str
    up: bool
    facts: dict[str, float]
    """Figures by name, such as `disk_free_bytes`, `lag_events`, `slots_in_use`."""
    version: str | None = None
    """Its release; null when it is away or does not say."""


class StatusShown(msgspec.Struct, frozen=True):
    """How webjobs is: `status`."""

    url: str
    status: str
    """`ready`, or another word when a check failed."""
    version: str | None
    problems: dict[str, str]
    """Reasons by the check that failed."""
    notes: dict[str, str]
    parts: list[Part]
    counts: dict[str, int]
    """Figures of the jobs, such as `jobs`, `running`, `failed_24h`."""
    warnings: list[str] = []
    """What should be fixed though all works, such as parts of different releases."""
