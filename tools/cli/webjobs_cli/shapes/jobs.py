"""What commands about jobs print with `--json`."""

from datetime import datetime

import msgspec


class JobShown(msgspec.Struct, frozen=True):
    """A job, in `jobs`."""

    name: str
    type: str
    status: str | None
    """Of a triggered job, that of its latest run; null when it never ran."""
    disabled: bool
    attention: str | None
    """Why it needs attention: `failed`, `crash_loop`, `refused`, `long_run`, `missed`, `skipped`."""
    error: str | None
    """What is wrong with its files or settings."""
    latest_run: str | None
    """Run id."""
    latest_at: datetime | None
    """When the latest run ended, or was requested; of a continuous job, since when it is up."""
    next_due: datetime | None
    results: str
    """A letter for each of the last 20 runs, oldest first: `S`uccess, `F`ailed, `A`borted."""
    success_rate: float | None
    median_ms: int | None
    instances: int
    """On how many runners a continuous job is."""
    url: str


class Running(msgspec.Struct, frozen=True):
    """What runs now, in `ps`: a run, or a continuous job on one runner."""

    job: str
    type: str
    run: str | None
    """Run id; null of a continuous job."""
    status: str
    since: datetime | None
    seconds: float | None
    instance: str | None
    """The runner."""
    arguments: str | None
    trigger: str | None


class Cause(msgspec.Struct, frozen=True):
    """Why a job does not run, in `why`."""

    code: str
    text: str
    since: datetime | None
    until: datetime | None
    remedy: str | None


class Done(msgspec.Struct, frozen=True):
    """What a command did to a job: `start`, `stop`, `restart`, `delete`."""

    name: str
    type: str
    done: str
    """`started`, `stopped`, `restarted`, `deleted`."""
