"""Whether settings of a job mean something: asked once, when they are written."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from webjobs_rules.cron import parse_cron
from webjobs_rules.errors import InvalidJobSettings, InvalidSchedule, UnknownTimeZone
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings, read_job_settings, shown_variable
from webjobs_rules.near_miss import closest_name
from webjobs_rules.status import Reason
from webjobs_rules.time_zone import parse_time_zone

MAX_SETTINGS_BYTES = 64 * 1024
"""Of `settings.job` as it is sent or saved, and of what it says without blanks."""

MAX_SETTINGS_LEVELS = 32
"""Of objects and lists within each other, the outermost one counted."""

_OTHER_TYPE: Mapping[JobType, Mapping[str, str]] = {
    JobType.CONTINUOUS: {
        "time_zone": "it is the zone of a schedule",
        "timeout": "such a job is meant to run for ever",
        "retry": "such a job is always started again, as `restart` says",
        "concurrency": "`is_singleton` says how many of it run",
        "missed": "it is about a schedule",
    },
    JobType.TRIGGERED: {
        "restart": "`retry` is for runs that failed",
        "health_check": "only what runs for ever is asked for its health",
    },
}
"""Our own keys that a type of job does not use. Kudu's keys are accepted for both types."""

_NEVER_RETRIED = frozenset({Reason.CANCELLED, Reason.REPLACED, Reason.DELETED, Reason.STOPPED})
_OWN_VARIABLES = frozenset({"WEBSITE_INSTANCE_ID", "WEBROOT_PATH"})
_FOREIGN = frozenset({"singleton"})  # an object in the settings of the WebJobs SDK
_LONGEST_NAME = 255  # characters


def check_settings(settings: Mapping[str, Any], job_type: JobType) -> JobSettings:
    """The known keys of settings that are about to be written.

    Raises:
        InvalidJobSettings: Naming the first key at fault, and what is wrong with it.
    """
    check_bounds(settings)
    _check_names(settings)
    known = read_job_settings(settings)
    if _holds_infinity(settings):  # which a file says with 1e400, and which cannot be written
        raise InvalidJobSettings("", "holds a number that is too large")
    for key, why in _OTHER_TYPE[job_type].items():
        if settings.get(key) is not None:
            raise InvalidJobSettings(key, f"is not for {job_type.value} jobs: {why}")
    _check_schedule(known)
    _check_environment(known.env)
    if known.retry is not None:
        for position, reason in enumerate(known.retry.on):
            if reason in _NEVER_RETRIED:
                raise InvalidJobSettings(
                    f"retry.on[{position}]",
                    f"is {reason.value}, which a person requested: it is never retried",
                )
    return known


def warnings_of(settings: Mapping[str, Any]) -> list[str]:
    """What is doubtful in settings, though not refused; empty for settings that this release refuses."""
    try:
        known = read_job_settings(settings)
        cron = parse_cron(known.schedule) if known.schedule else None
    except (InvalidJobSettings, InvalidSchedule):
        return []
    return [f'The schedule "{cron.text}" {warning}.' for warning in cron.warnings] if cron else []


def check_bounds(settings: Mapping[str, Any]) -> None:
    """Check that settings can be written as a `settings.job` that is accepted when it is read again.

    Raises:
        InvalidJobSettings: They are too large or too deep, or hold what JSON cannot express.
    """
    _check_levels(settings)
    try:
        size = len(msgspec.json.encode(settings))
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise InvalidJobSettings("", "holds what JSON cannot express") from error
    if size > MAX_SETTINGS_BYTES:
        raise too_long()


def too_long() -> InvalidJobSettings:
    """The error for settings above the limit of bytes."""
    return InvalidJobSettings("", f"is longer than {MAX_SETTINGS_BYTES:,} bytes, which is the limit")


def too_deep() -> InvalidJobSettings:
    """The error for settings above the limit of levels."""
    limit = f"more than {MAX_SETTINGS_LEVELS} levels deep, which is the limit"
    return InvalidJobSettings("", f"has objects or lists {limit}")


def _holds_infinity(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_infinity, value.values()))
    if isinstance(value, list):
        return any(map(_holds_infinity, value))
    return isinstance(value, float) and not math.isfinite(value)


def _check_levels(settings: Mapping[str, Any]) -> None:
    level: list[Any] = [settings]
    for _ in range(MAX_SETTINGS_LEVELS):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = below
    if any(isinstance(value, Mapping | list) for value in level):
        raise too_deep()


def _check_names(settings: Mapping[str, Any]) -> None:
    """Refuse keys that are known ones written otherwise; what they ask for would not be done."""
    for key, value in settings.items():
        if value is None or (key in _FOREIGN and isinstance(value, Mapping)):
            continue
        closest = closest_name(key, JobSettings.__struct_fields__)
        if closest is not None:
            raise InvalidJobSettings(shown_variable(key)[1:-1], f"is not known; did you mean {closest}")


def _check_schedule(settings: JobSettings) -> None:
    if settings.schedule is not None:
        try:
            parse_cron(settings.schedule)
        except InvalidSchedule as error:
            raise InvalidJobSettings("schedule", error.reason) from error
    if settings.time_zone is not None:
        try:
            parse_time_zone(settings.time_zone)
        except UnknownTimeZone as error:
            raise InvalidJobSettings("time_zone", error.reason) from error


def _check_environment(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        fault = _name_fault(name)
        if fault:
            raise InvalidJobSettings(f"env[{shown_variable(name)}]", f"cannot be set: {fault}")
        if "\0" in value:
            raise InvalidJobSettings(f"env[{name[:60]!r}]", "has a value with a NUL character")


def _name_fault(name: str) -> str:
    if not name:
        return "the name is empty"
    if len(name) > _LONGEST_NAME:
        return f"the name is longer than {_LONGEST_NAME} characters"
    if "=" in name or not name.isprintable():
        return "a name has no = and no control or invisible character"
    if name.upper().startswith("WEBJOBS_") or name.upper() in _OWN_VARIABLES:
        return "that name is webjobs' own"
    return ""
