"""The text of `settings.job` and what its keys mean to the runner."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from webjobs_events.job import JobType

from webjobs_runner.deploy_errors import InvalidJobSettings

MAX_SETTINGS_BYTES = 4096
"""Settings travel in events of at most 8 KB."""

MAX_STOPPING_WAIT_SECONDS = 86_400

_DEFAULT_STOPPING_WAIT_SECONDS = {JobType.CONTINUOUS: 5.0, JobType.TRIGGERED: 30.0}
_IN_PLACE_EXTENSION = ".js"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What `settings.job` asks of the runner; keys it does not know stay in the definition untouched.

    Attributes:
        is_singleton: One instance at a time runs the continuous job.
        is_in_place: Run in the job's folder instead of a copy; None leaves it to the script's type.
        stopping_wait_time: Seconds a script gets to end before it is killed; None is the type's default.
        schedule: Cron expression of a triggered job, unread.
    """

    is_singleton: bool = False
    is_in_place: bool | None = None
    stopping_wait_time: float | None = None
    schedule: str | None = None

    def stopping_wait_seconds(self, job_type: JobType) -> float:
        """Grace before the kill: as set, else 5 s for continuous and 30 s for triggered jobs."""
        if self.stopping_wait_time is None:
            return _DEFAULT_STOPPING_WAIT_SECONDS[job_type]
        return self.stopping_wait_time

    def runs_in_place(self, script: str) -> bool:
        """Whether this script runs in the job's folder: as set, else only a `.js` does.

        Source: Kudu, NodeScriptHost.cs and BaseJobRunner.cs.
        """
        if self.is_in_place is None:
            return script.lower().endswith(_IN_PLACE_EXTENSION)
        return self.is_in_place


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


def read_job_settings(settings: Mapping[str, Any]) -> JobSettings:
    """The known keys, with their types checked; null is the same as absent.

    Raises:
        InvalidJobSettings: Naming the key and what is expected.
    """
    return JobSettings(
        is_singleton=_flag(settings, "is_singleton") or False,
        is_in_place=_flag(settings, "is_in_place"),
        stopping_wait_time=_seconds(settings, "stopping_wait_time"),
        schedule=_text(settings, "schedule"),
    )


def settings_text(settings: Mapping[str, Any]) -> str:
    """The content of the `settings.job` that says this."""
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def _flag(settings: Mapping[str, Any], key: str) -> bool | None:
    value = settings.get(key)
    if value is not None and not isinstance(value, bool):
        raise InvalidJobSettings(key, f"must be true or false without quotes, not {_shown(value)}")
    return value


def _seconds(settings: Mapping[str, Any], key: str) -> float | None:
    value = settings.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= MAX_STOPPING_WAIT_SECONDS:
        expected = f"a number of seconds from 0 to {MAX_STOPPING_WAIT_SECONDS} without quotes"
        raise InvalidJobSettings(key, f"must be {expected}, not {_shown(value)}")
    return float(value)


def _text(settings: Mapping[str, Any], key: str) -> str | None:
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidJobSettings(key, f"must be a text in quotes, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return json.dumps(value)[:60]


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not a JSON number", name, 0)
