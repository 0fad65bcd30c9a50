"""The text of settings.job."""

import pytest
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import read_job_settings
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES
from webjobs_rules.settings_text import parse_settings, readable_settings, settings_text, spelling_warnings

TRIGGERED = JobType.TRIGGERED


def test_every_known_key_is_read() -> None:
    text = '{"is_singleton": true, "is_in_place": true, "stopping_wait_time": 60, "schedule": "0 * * * * *"}'
    settings = read_job_settings(parse_settings(text, TRIGGERED))
    assert settings.is_singleton
    assert settings.runs_in_place("run.sh")
    assert settings.stopping_wait_seconds(JobType.CONTINUOUS) == 60
    assert settings.schedule == "0 * * * * *"


def test_without_settings_the_defaults_depend_on_job_type_and_script() -> None:
    settings = read_job_settings({})
    assert not settings.is_singleton
    assert settings.stopping_wait_seconds(JobType.CONTINUOUS) == 5
    assert settings.stopping_wait_seconds(JobType.TRIGGERED) == 30
    assert settings.runs_in_place("Run.JS")
    assert not settings.runs_in_place("run.py")
    assert not read_job_settings({"is_in_place": False}).runs_in_place("run.js")


def test_unknown_keys_are_kept() -> None:
    settings = {"mine": [1, {"deep": None}], "is_singleton": False}
    assert parse_settings(settings_text(settings), TRIGGERED) == settings


@pytest.mark.parametrize("text", ["", " \r\n", "\ufeff", "{}", "\ufeff{}"])
def test_nothing_said_is_no_settings(text: str) -> None:
    assert parse_settings(text, TRIGGERED) == {}


def test_null_is_the_same_as_absent() -> None:
    settings = {"is_singleton": None, "is_in_place": None, "stopping_wait_time": None, "schedule": None}
    assert read_job_settings(settings) == read_job_settings({})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"is_singleton": "true"}', "is_singleton"),
        ('{"is_singleton": 1}', "is_singleton"),
        ('{"is_in_place": 0}', "is_in_place"),
        ('{"stopping_wait_time": "30"}', "stopping_wait_time"),
        ('{"stopping_wait_time": true}', "stopping_wait_time"),
        ('{"stopping_wait_time": -1}', "stopping_wait_time"),
        ('{"stopping_wait_time": 86401}', "stopping_wait_time"),
        ('{"stopping_wait_time": 1e999}', "stopping_wait_time"),
        ('{"schedule": 5}', "schedule"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_key(text: str, key: str) -> None:
    with pytest.raises(InvalidJobSettings, match=f"^{key} in settings.job is wrong: expected") as fault:
        parse_settings(text, TRIGGERED)
    assert fault.value.key == key


@pytest.mark.parametrize("text", ["{", "[]", "true", '"text"', '{"a": NaN}', "[" * 100_000, '{"a": 1} {}'])
def test_what_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobSettings, match=r"^settings\.job"):
        parse_settings(text, TRIGGERED)


@pytest.mark.parametrize("text", ['{"a": "' + "x" * 65_536 + '"}', '{"a":' + " " * 65_536 + "1}"])
def test_a_file_that_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobSettings, match="longer than 65,536 bytes"):
        parse_settings(text, TRIGGERED)


@pytest.mark.parametrize("text", ['{"a":' * 33 + "1" + "}" * 33, '{"a":' * 10_000, '{"a":[' + "[" * 40_000])
def test_a_file_that_is_too_deep_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobSettings, match="32 levels"):
        parse_settings(text, TRIGGERED)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 5000])
def test_a_number_that_could_not_be_written_again_is_refused(number: str) -> None:
    with pytest.raises(InvalidJobSettings):
        parse_settings('{"a": ' + number + "}", TRIGGERED)


def fill(unit: str, levels: int) -> str:
    """An object of so many levels with as many of these in its middle as the limit takes."""
    opening, closing = '{"a":' + "[" * (levels - 1), "]" * (levels - 1) + "}"
    times = (MAX_SETTINGS_BYTES - len((opening + closing).encode())) // len(f"{unit},".encode())
    return opening + ",".join([unit] * times) + closing


@pytest.mark.parametrize("levels", [3, 32])
@pytest.mark.parametrize(
    "unit", ["1", "1e5", "1e16", "1e-7", '"é"', '"\\u0001"', '"\\u007f"', "0.1", "[]", "null"]
)
def test_what_is_accepted_is_accepted_again_as_it_is_written(unit: str, levels: int) -> None:
    text = fill(unit, levels - (unit == "[]"))
    try:
        settings = parse_settings(text, TRIGGERED)
    except InvalidJobSettings as error:
        assert "longer than 65,536 bytes" in str(error), "as its shortest form is longer than what was sent"
        return
    assert parse_settings(settings_text(settings), TRIGGERED) == settings


def test_what_types_alone_cannot_say_is_checked_too() -> None:
    with pytest.raises(InvalidJobSettings, match=r"^schedule in settings\.job has 'L'"):
        parse_settings('{"schedule": "0 0 0 L * *"}', TRIGGERED)


def test_faults_in_stored_settings_are_left_out_and_the_rest_is_kept() -> None:
    stored = {"schedule": 5, "retry": [], "timeout": 7, "mine": {"a": [1]}}
    assert readable_settings(stored) == {"timeout": 7, "mine": {"a": [1]}}


@pytest.mark.parametrize(
    "text",
    [
        '// nightly\n{"a": "// no comment", "b": [1, 2]}',
        '{"a": "// no comment", /* why */ "b": [1, 2] // end',
        '{"a": "// no comment", "b": [1, 2,],}',
        '\ufeff{"a": "// no comment", /* , } */ "b": [1,\r\n 2 /* last */ , ] , // x\r\n}',
    ],
)
def test_comments_and_last_commas_are_ignored_and_said(text: str) -> None:
    text = text if text.rstrip().endswith("}") else f"{text}\n}}"
    assert parse_settings(text, TRIGGERED) == {"a": "// no comment", "b": [1, 2]}
    assert spelling_warnings(text) == [
        "settings.job has comments or commas that JSON does not know; they are ignored."
    ]


@pytest.mark.parametrize("text", ["", "\ufeff{}", '{"a": "/* , } */,]"}', '{"a": "\\\\", "b": "//"}'])
def test_plain_json_is_taken_without_a_word(text: str) -> None:
    assert spelling_warnings(text) == []


@pytest.mark.parametrize("text", ['{"a": 1 // x', "{,}", '{"a": 1,,}', '{"a": /* 1}', "// {}", "[1,]"])
def test_what_is_not_json_without_its_comments_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobSettings):
        parse_settings(text, TRIGGERED)
