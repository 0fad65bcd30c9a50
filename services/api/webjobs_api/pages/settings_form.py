"""The known settings of a job as fields of a form, and a form as a patch of the settings; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import ConcurrencyPolicy, MissedPolicy, StopSignal

_YES_NO = ("true", "false")
_BOTH = (JobType.TRIGGERED, JobType.CONTINUOUS)
_TRIGGERED = (JobType.TRIGGERED,)
_CONTINUOUS = (JobType.CONTINUOUS,)


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that has a field.

    Attributes:
        name: Its key, or `section.key`; the name of the field too.
        label: Of the field.
        hint: What it means, and what holds when the field is empty.
        choices: What may be chosen; empty: any text.
        is_number: Whether its value is a number.
        types: Of the jobs that have it.
    """

    name: str
    label: str
    hint: str
    choices: tuple[str, ...] = ()
    is_number: bool = False
    types: tuple[JobType, ...] = _BOTH


SETTINGS = (
    Setting(
        "schedule", "Schedule", "six fields, seconds first; empty: it runs on request only", types=_TRIGGERED
    ),
    Setting("time_zone", "Time zone", "such as Europe/Berlin; empty: that of the site", types=_TRIGGERED),
    Setting("missed.policy", "Missed due times", "empty: once", tuple(MissedPolicy), types=_TRIGGERED),
    Setting(
        "timeout", "Time-out", "seconds a run may take; empty: no limit", is_number=True, types=_TRIGGERED
    ),
    Setting("retry.max_attempts", "Attempts", "in all; empty: one", is_number=True, types=_TRIGGERED),
    Setting(
        "concurrency.policy",
        "While it runs",
        "what becomes of another run; empty: reject",
        tuple(ConcurrencyPolicy),
        types=_TRIGGERED,
    ),
    Setting(
        "concurrency.limit", "Runs at once", "empty: one, or any with allow", is_number=True, types=_TRIGGERED
    ),
    Setting("is_singleton", "On one runner only", "empty: no", _YES_NO, types=_CONTINUOUS),
    Setting("health_check.path", "Health check", "path it answers; empty: none", types=_CONTINUOUS),
    Setting("enabled", "Enabled", "empty: yes", _YES_NO),
    Setting("stopping_wait_time", "Grace", "seconds to end before it is killed", is_number=True),
    Setting("stop_signal", "Stop signal", "empty: SIGTERM", tuple(StopSignal)),
    Setting("is_in_place", "Run in its folder", "empty: only JavaScript does", _YES_NO),
)
"""In the order of the form. Those that are lists or objects of their own are edited as JSON."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of the form, with the value that the job has; empty when it is not set."""

    setting: Setting
    value: str

    @property
    def id(self) -> str:
        """Of the field on its page."""
        return f"set-{self.setting.name.replace('.', '-')}"


def setting_fields(settings: Mapping[str, Any], job_type: JobType) -> list[SettingField]:
    """The fields for a job of this type."""
    return [
        SettingField(each, _as_text(_value(settings, each.name)))
        for each in SETTINGS
        if job_type in each.types
    ]


def patch_of_form(form: Mapping[str, str], settings: Mapping[str, Any], job_type: JobType) -> dict[str, Any]:
    """The merge patch of what a form changes; a section that would be left empty is removed.

    Args:
        form: Names and values of fields; those that lack stay as they are.
        settings: That the job has.
        job_type: Of the job.
    """
    patch: dict[str, Any] = {}
    for field in setting_fields(settings, job_type):
        setting, typed = field.setting, form.get(field.setting.name, field.value).strip()
        if typed == field.value:
            continue
        section, _, key = setting.name.rpartition(".")
        target = patch.setdefault(section, {}) if section else patch
        target[key] = _as_json(typed, setting) if typed else None
    return {name: _without_emptied(settings.get(name), value) for name, value in patch.items()}


def _without_emptied(present: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    kept = present if isinstance(present, dict) else {}
    left = {**kept, **patch}
    return None if all(value is None for value in left.values()) else patch


def _value(settings: Mapping[str, Any], name: str) -> Any:
    section, _, key = name.rpartition(".")
    holder = settings.get(section) if section else settings
    return holder.get(key) if isinstance(holder, Mapping) else None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _as_json(typed: str, setting: Setting) -> Any:
    """What was typed as the type of the setting, or as it is: the runner says what is wrong about it."""
    if not (setting.is_number or setting.choices == _YES_NO):
        return typed
    try:
        value = msgspec.json.decode(typed)
    except msgspec.DecodeError:
        return typed
    return value if isinstance(value, bool | int | float) else typed
