import pytest
from webjobs_rules.app_settings import (
    JOB_VARIABLES,
    MAX_VALUE_BYTES,
    START_VARIABLES,
    UNDERSTOOD,
    check_name,
    check_value,
    is_credential,
    is_true,
)
from webjobs_rules.errors import InvalidAppSetting


@pytest.mark.parametrize("name", ["A", "WEBJOBS_STOPPED", "my.setting", "a:b", "a-b", "_", "1", "x" * 256])
def test_names_of_environment_variables_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a=b", "a/b", "*", ">", "a.*", ".a", "a.", "a..b", "é", "a\0", "a\n", "$a", "x" * 257, ".."],
)
def test_names_that_no_subject_or_environment_can_carry_are_refused(name: str) -> None:
    with pytest.raises(InvalidAppSetting, match="name"):
        check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "WEBJOBS_PASSWORD",
        "webjobs_username",
        "WEBJOBS_VIEWER_USERNAME",
        "WEBJOBS_VIEWER_PASSWORD",
        "WEBJOBS_NATS_URL",
        "WEBJOBS_DATABASE_URL",
    ],
)
def test_the_services_own_credentials_are_no_app_settings(name: str) -> None:
    assert is_credential(name)
    with pytest.raises(InvalidAppSetting, match="set it there, then restart them"):
        check_value(name, "x")


@pytest.mark.parametrize("name", [*sorted(START_VARIABLES), "webjobs_port", "WebJobs_Hooks_Allow_Private"])
def test_what_services_read_at_their_start_only_is_refused(name: str) -> None:
    with pytest.raises(InvalidAppSetting, match="set it there, then restart them"):
        check_value(name, "1")


@pytest.mark.parametrize("name", sorted(JOB_VARIABLES - START_VARIABLES))
def test_what_webjobs_sets_for_each_process_is_taken_as_kudu_takes_it(name: str) -> None:
    check_value(name, "1")


@pytest.mark.parametrize("name", ["webjobs_stopped", "WebJobs_Restart_Time", "Website_Time_Zone"])
def test_a_live_setting_in_other_letters_is_refused_with_its_name(name: str) -> None:
    with pytest.raises(InvalidAppSetting, match=name.upper()):
        check_value(name, "1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBJOBS_OF_MINE", "any"),
        ("GREETING", "anything = at all\n"),
        ("WEBJOBS_RESTART_TIME", "0.5"),
        ("WEBJOBS_IDLE_TIMEOUT", " 120 "),
        ("WEBJOBS_HISTORY_SIZE", "5"),
        ("WEBJOBS_KEPT_VERSIONS", "50"),
        ("WEBJOBS_STOPPED", "True"),
        ("WEBJOBS_DISABLE_SCHEDULE", "0"),
        ("WEBSITE_TIME_ZONE", "Europe/Berlin"),
        *((name, "") for name in sorted(UNDERSTOOD)),
    ],
)
def test_values_that_mean_something_are_taken(name: str, value: str) -> None:
    check_value(name, value)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("GREETING", "\0", "NUL"),
        ("GREETING", "\udcff", "UTF-8"),
        ("GREETING", "é" * (MAX_VALUE_BYTES // 2 + 1), "longer"),
        ("WEBJOBS_RESTART_TIME", "soon", "number"),
        ("WEBJOBS_RESTART_TIME", "-1", "0 or more"),
        ("WEBJOBS_IDLE_TIMEOUT", "inf", "0 or more"),
        ("WEBJOBS_IDLE_TIMEOUT", "nan", "0 or more"),
        ("WEBJOBS_HISTORY_SIZE", "0", "1 or more"),
        ("WEBJOBS_KEPT_VERSIONS", "51", "from 1 to 50"),
        ("WEBJOBS_STOPPED", "maybe", "neither"),
        ("WEBSITE_TIME_ZONE", "Europe/Berlim", "Europe/Berlin"),
    ],
)
def test_values_that_mean_nothing_are_refused_with_a_hint(name: str, value: str, hint: str) -> None:
    with pytest.raises(InvalidAppSetting, match=hint):
        check_value(name, value)


def test_a_switch_is_on_by_1_or_true() -> None:
    assert all(is_true(text) for text in ("1", "true", " TRUE "))
    assert not any(is_true(text) for text in (None, "", "0", "yes", "false"))
