"""The merge of a patch into settings, by the examples of RFC 7396, and the tag of settings."""

from copy import deepcopy
from typing import Any

import pytest
from webjobs_rules.settings_patch import merged, settings_tag

# Appendix A of RFC 7396, as far as both sides are objects.
EXAMPLES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ({"a": 1}, {}, {"a": 1}),
    ({"a": "text"}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_a_patch_is_merged_as_the_rfc_says(
    target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    before = deepcopy(target)
    assert merged(target, patch) == result
    assert target == before


def test_a_tag_stands_for_what_settings_say_and_not_for_the_order_of_keys() -> None:
    settings = {"timeout": 3, "env": {"A": "1", "B": "2"}}
    assert settings_tag(settings) == settings_tag({"env": {"B": "2", "A": "1"}, "timeout": 3})
    others: list[dict[str, Any]] = [{}, {"timeout": 3}, {**settings, "timeout": 4}, {**settings, "a": None}]
    assert len({settings_tag(each) for each in (settings, *others)}) == 5
