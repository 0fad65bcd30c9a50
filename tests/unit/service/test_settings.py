import pytest
from pydantic import Field
from webjobs_service.credentials import without_credentials
from webjobs_service.settings import (
    InvalidSettings,
    LogFormat,
    ServiceSettings,
    load_settings,
    load_settings_or_exit,
    variables,
)


class Example(ServiceSettings):
    port: int = Field(default=8080, ge=0, le=65535, description="Where it listens.")
    password: str | None = Field(default=None, repr=False, min_length=8, description="Eight characters.")
    time_zone: str = Field(default="UTC", validation_alias="WEBSITE_TIME_ZONE", description="A zone.")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables(Example):
        monkeypatch.delenv(name, raising=False)


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings(Example)
    assert settings.nats_url == "nats://127.0.0.1:4222"
    assert settings.namespace == "webjobs"
    assert settings.log_format is LogFormat.AUTO
    assert settings.port == 8080


def test_variables_bear_the_prefix_or_their_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_PORT", "1234")
    monkeypatch.setenv("WEBSITE_TIME_ZONE", "Europe/Berlin")
    settings = load_settings(Example)
    assert (settings.port, settings.time_zone) == (1234, "Europe/Berlin")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_PORT", "")
    assert load_settings(Example).port == 8080


def test_unknown_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_SOMETHING_OF_A_JOB", "x")
    load_settings(Example)


def test_all_faults_are_told_at_once_with_what_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_PORT", "high")
    monkeypatch.setenv("WEBJOBS_NAMESPACE", "Web Jobs")
    monkeypatch.setenv("WEBJOBS_LOG_FORMAT", "xml")
    with pytest.raises(InvalidSettings) as raised:
        load_settings(Example)
    assert [fault.variable for fault in raised.value.faults] == [
        "WEBJOBS_NAMESPACE",
        "WEBJOBS_LOG_FORMAT",
        "WEBJOBS_PORT",
    ]
    assert "WEBJOBS_PORT='high': Input should be a valid integer" in str(raised.value)
    assert "Where it listens." in str(raised.value)


def test_a_faulty_aliased_variable_is_named_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Zoned(ServiceSettings):
        offset: int = Field(default=0, validation_alias="WEBSITE_OFFSET", description="Hours.")

    monkeypatch.setenv("WEBSITE_OFFSET", "much")
    with pytest.raises(InvalidSettings, match="WEBSITE_OFFSET='much'"):
        load_settings(Zoned)


def test_the_value_of_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_PASSWORD", "hunter2")
    monkeypatch.setenv("WEBJOBS_NATS_URL", "http://me:hunter2@here")
    with pytest.raises(InvalidSettings) as raised:
        load_settings(Example)
    assert "WEBJOBS_PASSWORD" in str(raised.value)
    assert "WEBJOBS_NATS_URL" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_representation_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_PASSWORD", "hunter2hunter2")
    monkeypatch.setenv("WEBJOBS_NATS_URL", "nats://me:hunter2@here:4222")
    assert "hunter2" not in repr(load_settings(Example))


def test_a_program_with_a_bad_environment_ends_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEBJOBS_PORT", "high")
    with pytest.raises(SystemExit) as raised:
        load_settings_or_exit(Example)
    assert raised.value.code == 2
    assert "WEBJOBS_PORT='high'" in capsys.readouterr().err


def test_every_field_tells_what_it_is_for() -> None:
    assert all(field.description for field in variables(ServiceSettings).values())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://me:secret@a:4222,nats://token@b:4222", "nats://a:4222,nats://b:4222"),
        ("postgresql://me:secret@db/webjobs?password=x", "postgresql://db/webjobs"),
        ("nats://me:se/cr#et@a:4222", "nats://a:4222"),
        ("nats://me:se@cr/et@a:4222", "nats://a:4222"),
        ("nats://me:se,cret@a:4222", "nats://(hidden),(hidden)"),
        ("nats://me:secret@[::1", "nats://(hidden)"),
    ],
)
def test_a_logged_url_has_no_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "nats://me:hun/ter2@here:4222",
        "nats://me:hun#ter2@here:4222",
        "nats://me:hun?ter2@here:4222",
        "nats://me:h@hun/ter2@here:4222",
        "nats://hun:ter2",
        "nats://good:4222,nats://me:hun/ter2@here",
    ],
)
def test_a_password_that_is_not_escaped_is_refused_without_a_word_of_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("WEBJOBS_PASSWORD", "x")
    monkeypatch.setenv("WEBJOBS_NATS_URL", url)
    with pytest.raises(InvalidSettings) as raised:
        load_settings(Example)
    assert "WEBJOBS_NATS_URL" in str(raised.value)
    assert "hun" not in str(raised.value) and "ter2" not in str(raised.value)


@pytest.mark.parametrize("value", ["1", "3", "5", " 3 "])
def test_streams_have_1_3_or_5_replicas(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEBJOBS_NATS_REPLICAS", value)
    assert load_settings(ServiceSettings).nats_replicas == int(value)


@pytest.mark.parametrize("value", ["0", "2", "4", "6", "-3", "3.0", "three", "33", "1,3"])
def test_other_numbers_of_replicas_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEBJOBS_NATS_REPLICAS", value)
    with pytest.raises(InvalidSettings) as raised:
        load_settings(ServiceSettings)
    assert f"WEBJOBS_NATS_REPLICAS='{value}': expected 1, 3 or 5." in str(raised.value)


def test_without_the_variable_a_stream_has_one_replica() -> None:
    assert load_settings(ServiceSettings).nats_replicas == 1


@pytest.mark.parametrize(
    "url",
    [
        "nats://a:4222,nats://b:4222,nats://c",
        "nats://me:secret@a:4222, nats://me:secret@b:4222",
        "nats://me:secret@a:4222,nats://b:4222",
        "tls://me:secret@a,nats://me:secret@b",
        "ws://a,wss://b",
    ],
)
def test_several_servers_are_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("WEBJOBS_NATS_URL", url)
    assert load_settings(ServiceSettings).nats_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nats://a,", "wants nats://"),
        ("nats://a,,nats://b", "wants nats://"),
        ("nats://a,b:4222", "wants nats://"),
        ("nats://me:secret@a,nats://me:other@b", "the same user and password"),
        ("nats://me:secret@a,nats://you:secret@b", "the same user and password"),
        ("nats://a,ws://b", "cannot be mixed"),
    ],
)
def test_servers_that_are_not_of_one_cluster_are_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("WEBJOBS_NATS_URL", url)
    with pytest.raises(InvalidSettings, match=reason) as raised:
        load_settings(ServiceSettings)
    assert "secret" not in str(raised.value)
