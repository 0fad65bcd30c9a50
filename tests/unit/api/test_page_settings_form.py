"""Settings as fields, and fields as a patch of the settings."""

from typing import Any

import msgspec
import pytest
from webjobs_api.pages.settings_form import SETTINGS, patch_of_form, setting_fields
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
RETRY = {"retry": {"max_attempts": 3, "backoff": 5}}

# The settings, what is typed, the patch.
CASES: list[tuple[str, dict[str, Any], dict[str, str], dict[str, Any]]] = [
    ("nothing typed", {"schedule": "0 0 2 * * *"}, {}, {}),
    (
        "nothing changed",
        {"schedule": "0 0 2 * * *", "timeout": 60},
        {"schedule": "0 0 2 * * *", "timeout": "60"},
        {},
    ),
    ("blanks around", {"timeout": 60}, {"timeout": " 60 "}, {}),
    ("a text", {}, {"schedule": "0 0 2 * * *"}, {"schedule": "0 0 2 * * *"}),
    ("a number", {}, {"timeout": "90.5"}, {"timeout": 90.5}),
    ("no number", {}, {"timeout": "soon"}, {"timeout": "soon"}),
    ("an object is no number", {}, {"timeout": "{}"}, {"timeout": "{}"}),
    ("yes", {"enabled": False}, {"enabled": "true"}, {"enabled": True}),
    (
        "emptied",
        {"timeout": 60, "is_in_place": True},
        {"timeout": "", "is_in_place": ""},
        {"timeout": None, "is_in_place": None},
    ),
    ("into a section", {}, {"retry.max_attempts": "4"}, {"retry": {"max_attempts": 4}}),
    ("a section keeps the rest", RETRY, {"retry.max_attempts": ""}, {"retry": {"max_attempts": None}}),
    ("an emptied section goes", {"retry": {"max_attempts": 3}}, {"retry.max_attempts": ""}, {"retry": None}),
    (
        "two of a section",
        {},
        {"concurrency.policy": "queue", "concurrency.limit": "2"},
        {"concurrency": {"policy": "queue", "limit": 2}},
    ),
    ("a section that is none", {"retry": 7}, {"retry.max_attempts": "2"}, {"retry": {"max_attempts": 2}}),
    ("unknown keys stay", {"mine": 1}, {"mine": "2", "timeout": "1"}, {"timeout": 1}),
    ("of the other type", {}, {"health_check.path": "/ok"}, {}),
]


@pytest.mark.parametrize(
    ("settings", "typed", "patch"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_form_is_a_patch_of_what_it_changes(
    settings: dict[str, Any], typed: dict[str, str], patch: dict[str, Any]
) -> None:
    assert patch_of_form(typed, settings, TRIGGERED) == patch


def test_fields_show_what_a_job_has() -> None:
    shown = {each.setting.name: each.value for each in setting_fields({**RETRY, "enabled": False}, TRIGGERED)}
    assert (shown["retry.max_attempts"], shown["enabled"], shown["schedule"]) == ("3", "false", "")
    assert "health_check.path" not in shown
    assert "health_check.path" in {each.setting.name for each in setting_fields({}, CONTINUOUS)}


def test_every_field_is_a_known_setting() -> None:
    schema = msgspec.json.schema(JobSettings)
    properties = schema["$defs"]["JobSettings"]["properties"]
    for setting in SETTINGS:
        section, _, _key = setting.name.partition(".")
        assert section in properties, setting.name
