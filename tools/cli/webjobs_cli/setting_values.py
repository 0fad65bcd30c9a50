"""Settings as words of a command line: `KEY=VALUE`, with dots for keys within keys; pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from webjobs_cli.errors import CommandError


def patch_of(words: Iterable[str], *, only_text: bool = False) -> dict[str, Any]:
    """The changes that `KEY=VALUE` name, as a JSON merge patch.

    Raises:
        CommandError: A word is none.
    """
    patch: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise CommandError(
                "invalid_use",
                f"{word!r} is no setting.",
                "Write it as KEY=VALUE, such as is_singleton=true.",
                exit_code=2,
            )
        if only_text:
            patch[key] = text
        else:
            _put(patch, key, text if key.startswith("env.") else _value(text))
    if not patch:
        raise CommandError("invalid_use", "Name what to set.", "Write it as KEY=VALUE.", exit_code=2)
    return patch


def removal_of(keys: Iterable[str]) -> dict[str, Any]:
    """The merge patch that takes these keys away."""
    patch: dict[str, Any] = {}
    for key in keys:
        _put(patch, key, None)
    return patch


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """The value of a key, or of a key within a key; None when there is none."""
    found: Any = values.get(key)
    if found is None and "." in key:
        first, _, rest = key.partition(".")
        inner = values.get(first)
        return value_at(inner, rest) if isinstance(inner, Mapping) else None
    return found


def _put(patch: dict[str, Any], key: str, value: object) -> None:
    first, dot, rest = key.partition(".")
    if dot and first and rest:
        inner = patch.setdefault(first, {})
        if not isinstance(inner, dict):
            raise CommandError("invalid_use", f"{first!r} is set twice.", exit_code=2)
        inner[rest] = value
    else:
        patch[key] = value


def _value(text: str) -> Any:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if value is None else value
