"""The settings of a job as its events show them: without values of `env`, and never large; pure."""

from collections.abc import Mapping
from typing import Any

import msgspec
from webjobs_rules.job_settings import JobSettings

from webjobs_events.redaction import env_names, without_env

MAX_SHOWN_BYTES = 4096
"""Of settings and names together, as JSON: events have at most 8 KB."""

_LARGEST_VALUE = 256  # bytes, of what is shown of large settings
_KNOWN = tuple(field.encode_name for field in msgspec.structs.fields(JobSettings))


def shown_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], bool]:
    """The settings and the names of the variables in `env`, and whether that is only a part of them.

    Of large settings the keys that webjobs knows are shown, unless their values are large, and then as many
    names of variables as there is room for.
    """
    shown, names = without_env(settings), env_names(settings)
    if _size(shown) + _size(names) <= MAX_SHOWN_BYTES:
        return shown, names, False
    shown = {key: shown[key] for key in _KNOWN if key in shown and _size(shown[key]) <= _LARGEST_VALUE}
    room, few = MAX_SHOWN_BYTES - _size(shown), []
    for name in names:
        room -= _size(name) + 1
        if room < 0:
            break
        few.append(name)
    return shown, few, True


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))
