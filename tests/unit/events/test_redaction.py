import json
from typing import Any

import pytest
from webjobs_events.redaction import (
    env_digest,
    env_names,
    new_digest_key,
    redacted_copy,
    redacted_event,
    sealed,
    without_env,
)

KEY, OTHER_KEY = new_digest_key(), new_digest_key()


def test_names_are_sorted_and_the_rest_of_the_settings_stays() -> None:
    settings = {"schedule": "0 0 2 * * *", "env": {"B": "canary", "A": "1"}, "mine": {"env": 1}}
    assert env_names(settings) == ["A", "B"]
    assert without_env(settings) == {"schedule": "0 0 2 * * *", "mine": {"env": 1}}


@pytest.mark.parametrize("env", [None, "canary", ["canary"], 7, {}])
def test_env_that_is_no_object_has_no_names_and_no_digest_and_is_left_out(env: Any) -> None:
    assert env_names({"env": env}) == []
    assert env_digest({"env": env}, KEY) is None
    assert without_env({"env": env}) == {}


@pytest.mark.parametrize("key", ["ENV", "Env", " env ", "_env"])
def test_env_is_recognised_however_its_letters_are_written(key: str) -> None:
    assert without_env({key: {"A": "canary"}}) == {}
    assert env_names({key: {"A": "canary"}}) == ["A"]


def test_a_digest_is_equal_for_equal_variables_under_one_key_only() -> None:
    one = env_digest({"env": {"A": "1", "B": "2"}}, KEY)
    assert one == env_digest({"mine": 1, "env": {"B": "2", "A": "1"}}, KEY)
    assert one != env_digest({"env": {"A": "1", "B": "3"}}, KEY)
    assert one != env_digest({"env": {"A": "1", "C": "2"}}, KEY)
    assert one != env_digest({"env": {"A": "1", "B": "2"}}, OTHER_KEY)
    assert env_digest({"env": {"A": "1"}}, "") is None


def test_sealed_settings_are_equal_when_the_settings_are() -> None:
    settings = {"timeout": 5, "env": {"A": "canary"}}
    assert "canary" not in json.dumps(sealed(settings, KEY))
    assert sealed(settings, KEY) == sealed(dict(reversed(settings.items())), KEY)
    assert sealed(settings, KEY) != sealed(settings | {"env": {"A": "other"}}, KEY)
    assert sealed({}, KEY) != sealed({"env": {}}, KEY)
    assert sealed(settings, "") == settings


@pytest.mark.parametrize("name", ["Deployed", "SettingsChanged", "Enabled", "Disabled", "RestartRequested"])
def test_a_stored_event_with_values_is_passed_on_with_names(name: str) -> None:
    body = {"event": name, "settings": {"timeout": 5, "env": {"B": "canary", "A": ""}}, "disabled": False}
    passed_on = json.loads(redacted_event(name, json.dumps(body).encode()))
    assert passed_on == {
        "event": name,
        "settings": {"timeout": 5},
        "disabled": False,
        "env_names": ["A", "B"],
        "env_digest": None,
    }


def test_a_name_written_with_escapes_is_withheld_too() -> None:
    body = b'{"settings":{"\\u0065nv":{"A":"canary"}}}'
    assert b"canary" not in redacted_event("Deployed", body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Success", b'{"arguments": "{\\"env\\": 1}"}'),
        ("Deployed", b'{"settings": {"timeout": 5}, "env_names": ["A"],  "env_digest": "x"}'),
        ("Deployed", b'{"settings": null, "job_name": "env"}'),
    ],
)
def test_other_events_are_passed_on_byte_for_byte(name: str, body: bytes) -> None:
    assert redacted_event(name, body) == body


def test_an_event_that_is_not_json_is_not_passed_on() -> None:
    assert redacted_event("Deployed", b'{"settings": {"env": {"A": "canary"') == b"null"


@pytest.mark.parametrize(
    "message",
    [
        {"command": "settings", "settings": {"env": {"A": "canary"}}},
        {"settings": [{"ENV": ["canary", {"x": "canary"}]}]},
        {"deeply": {"nested": {"env": "canary"}}},
    ],
)
def test_a_copy_of_an_unreadable_message_has_no_values_of_env(message: Any) -> None:
    copy = redacted_copy(json.dumps(message).encode())
    assert b"canary" not in copy
    assert json.loads(copy).keys() == message.keys()


def test_a_copy_of_what_is_not_json_is_kept_unless_it_mentions_env() -> None:
    assert redacted_copy(b"\xff not json") == b"\xff not json"
    assert redacted_copy(b'{"env": {"A": "canary"') == b"[redacted]"
