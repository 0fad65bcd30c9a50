"""The text of `settings.job`: read with care, and written."""

import codecs
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import read_job_settings
from webjobs_rules.lenient_json import strict_json
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES, check_settings, too_deep, too_long

_LENIENT = "settings.job has comments or commas that JSON does not know; they are ignored."


def decoded_settings(content: bytes) -> str:
    """The text of a `settings.job`: UTF-8, or UTF-16 with a byte order mark.

    Args:
        content: Of the file, or one byte more than the longest that is accepted.

    Raises:
        InvalidJobSettings: It is no text, or is too long.
    """
    if len(content) > MAX_SETTINGS_BYTES:  # cut off, perhaps within a character
        raise too_long()
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InvalidJobSettings("", "is not UTF-8 text, nor UTF-16 with a byte order mark") from fault


def parse_settings(text: str, job_type: JobType) -> dict[str, Any]:
    """Every key and value of a `settings.job`, those unknown to the runner included.

    Raises:
        InvalidJobSettings: It is not one JSON object, is too long, or a known key has a wrong value.
    """
    settings = load_settings(text)
    check_settings(settings, job_type)
    return settings


def readable_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without the keys whose stored value has a fault; unknown keys are kept."""
    found = {}
    for key, value in settings.items():
        with suppress(InvalidJobSettings):
            read_job_settings({key: value})
            found[key] = value
    return found


def load_settings(text: str) -> dict[str, Any]:
    """The same unchecked.

    Raises:
        InvalidJobSettings: It is not one JSON object, or is too long.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SETTINGS_BYTES:
        raise too_long()
    if not text.strip("\ufeff \t\r\n"):
        return {}
    try:
        settings, _ = _parsed(text)
    except json.JSONDecodeError as fault:
        reason = f"is not JSON: {fault.msg} at line {fault.lineno}, column {fault.colno}"
        raise InvalidJobSettings("", reason) from fault
    except RecursionError as fault:
        raise too_deep() from fault
    except ValueError as fault:
        raise InvalidJobSettings("", "is not JSON that can be read") from fault
    if not isinstance(settings, dict):
        raise InvalidJobSettings("", 'must be a JSON object such as {"is_singleton": true}')
    return settings


def spelling_warnings(text: str) -> list[str]:
    """Returns a sentence when a `settings.job` that can be read is not strictly JSON."""
    try:
        return [_LENIENT] if text.strip("\ufeff \t\r\n") and _parsed(text)[1] else []
    except (ValueError, RecursionError):
        return []


def _parsed(text: str) -> tuple[Any, bool]:
    """What JSON text says, and whether it has comments or commas that JSON does not know."""
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text, parse_constant=_refuse_constant), False
    except json.JSONDecodeError:
        strict = strict_json(text)
        if strict == text:
            raise
        return json.loads(strict, parse_constant=_refuse_constant), True


def settings_text(settings: Mapping[str, Any]) -> str:
    """The content of the `settings.job` that says this; not indented when that would make it too long."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    if len(text.encode("utf-8", "surrogatepass")) <= MAX_SETTINGS_BYTES:
        return text
    return msgspec.json.encode(settings).decode()


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)
