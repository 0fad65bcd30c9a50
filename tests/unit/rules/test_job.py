"""Job names as people write them: which are taken, and what is said about the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.definitions import job_definition
from webjobs_events.subjects import name_of, token_of
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobType, parse_job_name


@pytest.mark.parametrize(
    "name",
    [
        "hello",
        "h",
        "Hello World",
        "night.ly",
        "a-b_c=d",
        "50% off",
        "what?",
        "a*b",
        "任务",
        "naïve",
        "🚀",
        "x" * 128,
        "é" * 127,
        "con",
    ],
)
def test_a_name_that_a_folder_can_have_is_taken_as_it_is(name: str) -> None:
    assert parse_job_name(name) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        ("x" * 129, "it is longer than 128 characters"),
        ("🚀" * 64, "it is longer than 255 bytes, the most a folder's name can have"),
        ("a/b", "it holds a path separator"),
        ("a\\b", "it holds a path separator"),
        ("/", "it holds a path separator"),
        (".hidden", "it starts with a dot"),
        (".", "it starts with a dot"),
        ("..", "it starts with a dot"),
        ("a..b", "it holds two dots in a row"),
        (" a", "it starts or ends with white space"),
        ("a ", "it starts or ends with white space"),
        ("*", "an asterisk alone stands for every job"),
        ("a\nb", "it holds a control or invisible character"),
        ("a\0b", "it holds a control or invisible character"),
        ("a\u200bb", "it holds a control or invisible character"),
        ("a\u202eb", "it holds a control or invisible character"),
        ("a\ud800b", "it holds a control or invisible character"),
    ],
)
def test_a_bad_name_is_refused_with_the_rule_it_breaks(name: str, reason: str) -> None:
    with pytest.raises(InvalidJobName) as refusal:
        parse_job_name(name)
    assert refusal.value.reason == reason
    assert str(refusal.value) == f"{name[:150]!r} is not a job name: {reason}."


@given(st.text(max_size=140) | st.text("./\\* a", max_size=6))
def test_whatever_is_taken_has_a_token_and_stays_in_its_folder(text: str) -> None:
    try:
        name = parse_job_name(text)
    except InvalidJobName:
        return
    assert name_of(token_of(name)) == name
    assert "/" not in name and "\\" not in name and ".." not in name and name not in (".", "*")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, False), ({"is_singleton": True}, True), ({"is_singleton": "true"}, False), ({"other": 1}, False)],
)
def test_a_definition_is_a_singleton_only_when_its_settings_say_so(
    settings: dict[str, object], expected: bool
) -> None:
    definition = job_definition(job_type=JobType.CONTINUOUS, settings=settings)
    assert definition.is_singleton is expected
