"""What `settings` prints with `--json`."""

from typing import Any

import msgspec


class SettingsShown(msgspec.Struct, frozen=True):
    """Settings of a job, or app settings."""

    job: str | None
    """Null of app settings."""
    type: str | None
    values: dict[str, Any]


class SettingsChanged(msgspec.Struct, frozen=True):
    """Which settings were changed."""

    job: str | None
    type: str | None
    changed: list[str]
    warnings: list[str]
