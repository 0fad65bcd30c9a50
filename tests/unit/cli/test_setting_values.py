"""Settings as words of a command line."""

from typing import Any

import pytest
from webjobs_cli.errors import CommandError
from webjobs_cli.setting_values import patch_of, removal_of, value_at


@pytest.mark.parametrize(
    ("words", "patch"),
    [
        (["timeout=30"], {"timeout": 30}),
        (["is_singleton=true"], {"is_singleton": True}),
        (["schedule=0 0 2 * * *"], {"schedule": "0 0 2 * * *"}),
        (["schedule="], {"schedule": ""}),
        (["a=null"], {"a": "null"}),
        (['a={"b": [1]}'], {"a": {"b": [1]}}),
        (["a=b=c"], {"a": "b=c"}),
        (["env.LEVEL=5", "env.NAME=x"], {"env": {"LEVEL": "5", "NAME": "x"}}),
        (["missed.policy=once"], {"missed": {"policy": "once"}}),
    ],
)
def test_words_become_a_merge_patch(words: list[str], patch: dict[str, Any]) -> None:
    assert patch_of(words) == patch


def test_app_settings_are_text_whatever_their_name() -> None:
    assert patch_of(["A=5", "a.b=true"], only_text=True) == {"A": "5", "a.b": "true"}


@pytest.mark.parametrize("words", [[], ["timeout"], ["=5"], ["a=1", "a.b=2"]])
def test_what_is_no_setting_is_refused(words: list[str]) -> None:
    with pytest.raises(CommandError) as raised:
        patch_of(words)
    assert (raised.value.code, raised.value.exit_code) == ("invalid_use", 2)


def test_a_removal_is_null_in_the_patch() -> None:
    assert removal_of(["timeout", "env.A"]) == {"timeout": None, "env": {"A": None}}


def test_a_key_within_a_key_is_found() -> None:
    values = {"env": {"A": "1"}, "a.b": 2}
    assert [value_at(values, key) for key in ("env.A", "a.b", "env.B", "x.y", "env.A.z")] == [
        "1",
        2,
        None,
        None,
        None,
    ]
