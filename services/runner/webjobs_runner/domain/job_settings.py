"""The text of `settings.job`: read with care, and written."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from webjobs_events.errors import InvalidJobSettings
from webjobs_events.job_settings import read_job_settings

MAX_SETTINGS_BYTES = 4096
"""Settings travel in events of at most 8 KB."""


def parse_settings(text: str) -> dict[str, Any]:
    """Every key and value of a `settings.job`, those unknown to the runner included.

    Raises:
        InvalidJobSettings: It is not one JSON object, is too long, or a known key has a wrong value.
    """
    if len(text.encode("utf-8", "surrogateescape")) > MAX_SETTINGS_BYTES:
        raise InvalidJobSettings("", f"is longer than {MAX_SETTINGS_BYTES} bytes")
    if not text.strip("\ufeff \t\r\n"):
        return {}
    try:
        settings = json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as fault:
        reason = f"is not JSON: {fault.msg} at line {fault.lineno}, column {fault.colno}"
        raise InvalidJobSettings("", reason) from fault
    except (ValueError, RecursionError) as fault:
        raise InvalidJobSettings("", "is not JSON that can be read") from fault
    if not isinstance(settings, dict):
        raise InvalidJobSettings("", 'must be a JSON object such as {"is_singleton": true}')
    read_job_settings(settings)
    return settings


def settings_text(settings: Mapping[str, Any]) -> str:
    """The content of the `settings.job` that says this."""
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)
