"""Keeps the values of `env` in `settings.job` out of everything that leaves a job's definition; pure.

Events carry the names of the variables and one keyed digest of all of them. The key is random, lies in the
definition only, and is kept as long as the definition: two events of a job with the same digest mean the same
values, and a reader without the key cannot test a guess.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from webjobs_events.errors import MALFORMED

ENV = "env"
REDACTED = "[redacted]"
"""Stands for a value that is not passed on."""

_CARRIES_SETTINGS = frozenset({"Deployed", "SettingsChanged", "Enabled", "Disabled", "RestartRequested"})


def new_digest_key() -> str:
    """A key for `env_digest`: 128 random bits as hex."""
    return secrets.token_hex(16)


def without_env(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without `env`, whatever it holds and however its letters are written."""
    return {key: value for key, value in settings.items() if not _is_env(key)}


def with_env_redacted(value: Any) -> Any:
    """A value of JSON, such as settings, with every value below a key `env` replaced."""
    return _redacted(value)


def env_names(settings: Mapping[str, Any]) -> list[str]:
    """Names of the variables in `env`, sorted; empty when it is absent or not an object."""
    return sorted(name for variables in _variables(settings) for name in variables)


def env_digest(settings: Mapping[str, Any], key: str) -> str | None:
    """HMAC-SHA-256 of the names and values in `env` under `key`, as hex; None without values or key."""
    variables = [each for each in _variables(settings) if each]
    return _digest(variables, key) if variables and key else None


def sealed(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The settings with a digest under `key` instead of what `env` holds; as they are without a key.

    Two settings are the same when they are the same sealed under one key.
    """
    if not key:
        return dict(settings)
    return {name: _digest(value, key) if _is_env(name) else value for name, value in settings.items()}


def redacted_event(name: str, data: bytes) -> bytes:
    """The body of an event as it may be passed on.

    Events stored by earlier releases hold the values of `env`. Other events come back as they are.

    Args:
        name: Of the event, the last token of its subject.
        data: The stored body.
    """
    if name not in _CARRIES_SETTINGS or not _mentions_env(data):
        return data
    try:
        body = msgspec.json.decode(data)
    except MALFORMED:
        return b"null"
    settings = body.get("settings") if isinstance(body, dict) else None
    if not isinstance(settings, dict) or without_env(settings) == settings:
        return data
    names = body.get("env_names") or env_names(settings)
    return msgspec.json.encode(
        body | {"settings": without_env(settings), "env_names": names, "env_digest": body.get("env_digest")}
    )


def redacted_copy(data: bytes) -> bytes:
    """An unreadable message as it may be kept for an operator: every value below a key `env` is replaced.

    What is not JSON stays as it is unless it mentions `env`: then nothing of it is kept.
    """
    if not _mentions_env(data):
        return data
    try:
        return msgspec.json.encode(_redacted(msgspec.json.decode(data)))
    except MALFORMED:
        return REDACTED.encode()


def _redacted(value: Any, within_env: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(each, within_env or _is_env(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each, within_env) for each in value]
    return REDACTED if within_env else value


def _digest(value: Any, key: str) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _is_env(key: str) -> bool:
    return key.strip(" _-").casefold() == ENV


def _variables(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [value for key, value in settings.items() if _is_env(key) and isinstance(value, Mapping)]


def _mentions_env(data: bytes) -> bool:
    lowered = data.lower()
    return ENV.encode() in lowered or b"\\u" in lowered  # an escape may spell it
