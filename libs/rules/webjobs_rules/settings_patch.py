"""Changes of a part of a job's settings, and the tag by which settings are known; pure."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def settings_tag(settings: Mapping[str, Any]) -> str:
    """Returns a short text that is equal for equal settings, whatever the order of their keys."""
    return blake2b(_encoder.encode(settings), digest_size=12).hexdigest()


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the target after a JSON merge patch (RFC 7396).

    Args:
        target: It stays as it is.
        patch: Objects in it are merged, `None` removes a key, and anything else replaces the value.
    """
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            present = result.get(key)
            result[key] = merged(present if isinstance(present, Mapping) else {}, value)
        else:
            result[key] = value
    return result
