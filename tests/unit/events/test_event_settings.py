from typing import Any

import msgspec
import pytest
from webjobs_events.event_settings import MAX_SHOWN_BYTES, shown_settings


def test_small_settings_are_shown_whole_but_for_the_values_of_env() -> None:
    settings = {"timeout": 5, "mine": [1], "env": {"B": "secret", "A": "secret"}}
    assert shown_settings(settings) == ({"timeout": 5, "mine": [1]}, ["A", "B"], False)
    assert shown_settings({}) == ({}, [], False)


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": 5, "mine": "x" * 60_000},
        {"timeout": 5, "schedule": "0 " * 30_000},
        {"timeout": 5} | {f"key {number}": number for number in range(4000)},
        {"timeout": 5, "env": {f"NAME_{number}": "secret" for number in range(4000)}},
        {"timeout": 5, "env": {"N" * 255 + str(number): "" for number in range(200)}},
    ],
)
def test_of_large_settings_events_show_what_webjobs_knows(settings: dict[str, Any]) -> None:
    shown, names, is_abridged = shown_settings(settings)
    assert is_abridged
    assert shown == {"timeout": 5}
    assert names == sorted(settings.get("env", {}))[: len(names)]
    assert len(names) > 10 or "env" not in settings
    assert len(msgspec.json.encode([shown, names])) <= MAX_SHOWN_BYTES + 10
