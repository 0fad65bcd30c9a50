"""What changed in the settings of a job between two of its versions, by key; pure."""

from typing import Any

import msgspec
from webjobs_events.job import JobVersion

_ENV = "env"


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A key of `settings.job` that differs.

    Attributes:
        key: Its name; `env` for all variables together, `env.NAME` for one.
        change: `added`, `removed` or `changed`.
        before: The value before; null when there was none, and for variables, whose values are not noted.
        after: The value in this version; null as above.
    """

    key: str
    change: str
    before: Any
    after: Any


def settings_diff(before: JobVersion, after: JobVersion) -> list[SettingChange]:
    """The settings that differ, by key. Values of variables in `env` are in neither."""
    changes = [
        SettingChange(
            key=key,
            change=_word(key in before.settings, key in after.settings),
            before=before.settings.get(key),
            after=after.settings.get(key),
        )
        for key in sorted(before.settings.keys() | after.settings.keys())
        if key not in before.settings
        or key not in after.settings
        or before.settings[key] != after.settings[key]
    ]
    old, new = set(before.env_names), set(after.env_names)
    changes += [
        SettingChange(key=f"{_ENV}.{name}", change=_word(name in old, name in new), before=None, after=None)
        for name in sorted(old ^ new)
    ]
    if before.env_digest != after.env_digest and old == new:
        changes.append(SettingChange(key=_ENV, change="changed", before=None, after=None))
    return changes


def _word(was_there: bool, is_there: bool) -> str:
    if was_there and is_there:
        return "changed"
    return "added" if is_there else "removed"
