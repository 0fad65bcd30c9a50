"""Settings are checked when they are written: each fault names its key, and says what is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings
from webjobs_rules.settings_check import MAX_SETTINGS_BYTES, check_settings, warnings_of

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS

FULL_TRIGGERED: dict[str, Any] = {
    "schedule": "0 30 8 * * Mon-Fri",
    "time_zone": "Europe/Berlin",
    "enabled": True,
    "is_singleton": True,
    "is_in_place": False,
    "stopping_wait_time": 10,
    "stop_signal": "none",
    "dependencies": "off",
    "timeout": 3600,
    "retry": {"max_attempts": 3, "backoff": {"min": 5, "max": 60, "factor": 2}, "on": ["exit_code"]},
    "concurrency": {"policy": "allow", "limit": 4},
    "missed": {"policy": "once", "within": 3600},
    "env": {"GREETING": "h\u00e9llo", "EMPTY": ""},
}
FULL_CONTINUOUS: dict[str, Any] = {
    "schedule": "0 * * * * *",
    "enabled": True,
    "is_singleton": True,
    "is_in_place": True,
    "stopping_wait_time": 0,
    "stop_signal": "SIGINT",
    "restart": {"min": 1, "max": 60, "factor": 2},
    "health_check": {"path": "/health", "interval": 5, "timeout": 1, "failures": 3, "start_period": 10},
    "env": {"A": "1"},
}


def test_every_key_is_taken_where_it_has_a_use() -> None:
    assert check_settings(FULL_TRIGGERED, TRIGGERED).time_zone == "Europe/Berlin"
    assert check_settings(FULL_CONTINUOUS, CONTINUOUS).is_singleton
    assert {*FULL_TRIGGERED, *FULL_CONTINUOUS} == set(JobSettings.__struct_fields__)


def test_keys_that_nobody_knows_are_taken() -> None:
    check_settings({"run_mode": "continuous", "mine": {"deep": [None]}}, CONTINUOUS)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("timezone", "time_zone"),
        ("timeZone", "time_zone"),
        ("Time-Zone", "time_zone"),
        ("time zone", "time_zone"),
        ("Schedule", "schedule"),
        ("shcedule", "schedule"),
        ("schedul", "schedule"),
        ("schedules", "schedule"),
        ("isSingleton", "is_singleton"),
        ("inPlace", "is_in_place"),
        ("stoppingWaitTime", "stopping_wait_time"),
        ("stop_signals", "stop_signal"),
        ("timout", "timeout"),
        ("retyr", "retry"),
        ("concurrent", "concurrency"),
        ("enable", "enabled"),
        ("healthcheck", "health_check"),
        ("ENV", "env"),
    ],
)
def test_a_key_that_is_nearly_a_known_one_is_refused_with_that(written: str, meant: str) -> None:
    with pytest.raises(InvalidJobSettings) as fault:
        check_settings({written: True}, TRIGGERED)
    assert str(fault.value) == f"{written} in settings.job is not known; did you mean {meant}."


@pytest.mark.parametrize(
    "key",
    [
        *("run_mode", "shutdownGraceTimeLimit", "$schema", "description", "name", "disabled", "cron", "mine"),
        *("version", "logging", "retries", "end", "url", "zone", "owner", "", "_"),
    ],
)
def test_other_keys_are_taken_whatever_they_hold(key: str) -> None:
    check_settings({key: {"deep": True}}, TRIGGERED)


def test_what_asks_for_nothing_is_no_near_miss() -> None:
    check_settings({"timezone": None, "singleton": {"lockPeriod": "00:00:15"}}, TRIGGERED)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"retry": {"maxAttempts": 3}}, "`maxAttempts`; did you mean max_attempts."),
        ({"retry": {"backoff": {"mx": 3, "factr": 1}}}, "it can have min, max, factor"),
        ({"retry": {"backoff": {"Factor": 3}}}, "did you mean factor"),
        ({"concurrency": {"Policy": "queue"}}, "did you mean policy"),
        ({"missed": {"whitin": 5}}, "did you mean within"),
        ({"retry": {"attempts": 3}}, "; it can have max_attempts, backoff, on."),
    ],
)
def test_an_unknown_field_of_an_object_is_refused_with_the_known_ones(
    settings: dict[str, Any], part: str
) -> None:
    with pytest.raises(InvalidJobSettings) as fault:
        check_settings(settings, TRIGGERED)
    assert part in str(fault.value)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_schedule_is_none(blank: str) -> None:
    assert check_settings({"schedule": blank}, TRIGGERED).schedule is None


def test_what_is_doubtful_is_said_with_the_schedule_as_it_is_written() -> None:
    assert warnings_of({"schedule": "@daily"}) == ['The schedule "@daily" is read as "0 0 0 * * *".']
    assert warnings_of({"schedule": "0 0 0 * * *"}) == warnings_of({"schedule": "x"}) == warnings_of({}) == []


def nested(levels: int) -> Any:
    """Objects and lists within each other."""
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("job_type", JobType)
def test_null_is_the_same_as_absent(job_type: JobType) -> None:
    check_settings(dict.fromkeys(JobSettings.__struct_fields__), job_type)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"is_singleton": "true"}, "is_singleton in settings.job is wrong: expected boolean, got string."),
        (
            {"stop_signal": "SIGKILL"},
            "stop_signal in settings.job is wrong: invalid enum value 'SIGKILL'; "
            "expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, none.",
        ),
        ({"stop_signal": 15}, "stop_signal in settings.job is wrong: expected string, got integer."),
        ({"timeout": "30"}, "timeout in settings.job is wrong: expected number, got string."),
        ({"timeout": 0}, "timeout in settings.job is wrong: expected number > 0.0."),
        ({"schedule": "* * * *"}, "schedule in settings.job must have six fields"),
        ({"schedule": "0 0 0 * * 8"}, "schedule in settings.job says 8 for the day of the week"),
        ({"schedule": "0 0 0 * * Sat-Sun"}, """write 'Sat,Sun' for it: "0 0 0 * * Sat,Sun"."""),
        ({"time_zone": "GMT+2"}, "did you mean Etc/GMT-2 (names such as Etc/GMT-2 count the other way round"),
        ({"time_zone": "CEST"}, "does not have; write the name of a place, such as Europe/Berlin."),
        ({"time_zone": "Europe/Belrin"}, "did you mean Europe/Berlin."),
        ({"time_zone": "Europe/Belrin"}, "time_zone in settings.job is 'Europe/Belrin'"),
        (
            {"retry": {"attempts": 3}},
            "retry in settings.job is wrong: object contains unknown field `attempts`",
        ),
        (
            {"retry": {"on": ["cancelled"]}},
            "retry.on[0] in settings.job is cancelled, which a person requested",
        ),
        (
            {"retry": {"on": ["bad luck"]}},
            "retry.on[0] in settings.job is wrong: invalid enum value 'bad luck'",
        ),
        ({"concurrency": {"policy": "both"}}, "concurrency.policy in settings.job is wrong"),
        ({"missed": {"policy": "once", "within": -1}}, "missed.within in settings.job is wrong"),
        ({"env": {"B": "x", "A": 1}}, "env['A'] in settings.job is wrong: expected string, got integer"),
        ({"env": {"": "x"}}, "env[''] in settings.job cannot be set: the name is empty"),
        ({"env": {"A=B": "x"}}, "env['A=…'] in settings.job cannot be set: a name has no ="),
        ({"env": {"A\0": "x"}}, "in settings.job cannot be set"),
        ({"env": {"A": "x\0"}}, "env['A'] in settings.job has a value with a NUL character"),
        ({"env": {"N" * 300: "x"}}, "longer than 255 characters"),
        ({"env": {"WEBJOBS_RUN_ID": "1"}}, "that name is webjobs' own"),
        ({"env": {"webjobs_port": "1"}}, "that name is webjobs' own"),
        ({"restart": {"min": 1}}, "restart in settings.job is not for triggered jobs: `retry` is for"),
        ({"health_check": {}}, "health_check in settings.job is not for triggered jobs"),
        ({"mine": "x" * MAX_SETTINGS_BYTES}, "settings.job is longer than 65,536 bytes, which is the limit."),
        ({"mine": nested(32)}, "settings.job has objects or lists more than 32 levels deep, which is the"),
        ({"mine": nested(900)}, "settings.job has objects or lists more than 32 levels deep, which is the"),
        ({"mine": [{"a": float("inf")}]}, "settings.job holds a number that is too large."),
        ({"mine": "\udcff"}, "settings.job holds what JSON cannot express."),
    ],
)
def test_a_fault_names_its_key_and_says_what_is_wrong(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidJobSettings) as fault:
        check_settings(settings, TRIGGERED)
    assert message in str(fault.value)


def test_settings_up_to_both_limits_are_taken() -> None:
    check_settings({"mine": nested(31)}, TRIGGERED)
    check_settings({"mine": "x" * (MAX_SETTINGS_BYTES - 11)}, TRIGGERED)
    check_settings({"mine": ["é" * 1000] * 32}, TRIGGERED)


@pytest.mark.parametrize("key", ["time_zone", "timeout", "retry", "concurrency", "missed"])
def test_what_only_runs_have_is_refused_for_continuous_jobs(key: str) -> None:
    with pytest.raises(InvalidJobSettings, match=f"^{key} in settings.job is not for continuous jobs: "):
        check_settings({key: FULL_TRIGGERED[key]}, CONTINUOUS)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(JobSettings.__struct_fields__) | st.text(), _json, max_size=5),
    st.sampled_from(JobType),
)
def test_whatever_is_written_is_taken_or_refused_with_a_sentence(
    settings: dict[str, Any], job_type: JobType
) -> None:
    try:
        check_settings(settings, job_type)
    except InvalidJobSettings as fault:
        assert str(fault).endswith(".")


@pytest.mark.parametrize(
    "env",
    [
        {"TOKEN=canary": ""},
        {"TOKEN=canary": 7},
        {"TOKEN": "canary\0"},
        {"TOKEN": ["canary"]},
        {"TOKEN": {"value": "canary"}},
        {"": "canary"},
        {"WEBJOBS_NAME": "canary"},
        ["TOKEN=canary"],
        "TOKEN=canary",
    ],
)
def test_no_fault_repeats_a_value_of_env(env: Any) -> None:
    with pytest.raises(InvalidJobSettings) as fault:
        check_settings({"env": env}, TRIGGERED)
    assert "canary" not in str(fault.value)
