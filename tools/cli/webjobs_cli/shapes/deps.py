"""What `deps` prints with `--json`."""

from datetime import datetime

import msgspec


class LockedPackage(msgspec.Struct, frozen=True):
    """A package with its version."""

    name: str
    version: str
    marker: str = ""
    """Where it is installed, such as `python_full_version < '3.12'`; empty: everywhere."""


class LockUser(msgspec.Struct, frozen=True):
    """A job that uses a lock."""

    type: str
    name: str


class Preparation(msgspec.Struct, frozen=True):
    """The last preparation of an environment; `key` names the environment."""

    key: str
    at: datetime
    runner: str
    seconds: float
    reused: bool
    interpreter: str = ""
    packages: int | None = None
    bytes: int | None = None


class DependenciesShown(msgspec.Struct, frozen=True):
    """What a job needs: `deps`. `kind` is null when its files declare nothing."""

    kind: str | None
    input_digest: str
    lock_digest: str
    requires_python: str
    packages: list[LockedPackage]
    jobs: list[LockUser]
    prepared: Preparation | None
    lock: str | None
    """With `--lock`: the lock itself."""
    declared_in: list[str] = []
    """Paths in the folder of the job."""
    environments: list[Preparation] = []
    """The environment on each runner that is alive, as it was built, as far as known."""
