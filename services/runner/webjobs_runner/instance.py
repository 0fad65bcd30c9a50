"""The identity of a runner."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """A runner: `id` is 6 hex digits, `boot` its start in the form of a run id."""

    id: str
    boot: str
