from pathlib import Path

from webjobs_stack.environment import api_spec, history_spec, public_variables, runner_spec

CALLER = {
    "PATH": "/bin",
    "WEBJOBS_RESTART_TIME": "5",
    "WEBJOBS_NATS_REPLICAS": "3",
    "WEBJOBS_USERNAME": "ada",
    "WEBJOBS_PASSWORD": "secret",
    "WEBJOBS_VIEWER_USERNAME": "eve",
    "WEBJOBS_VIEWER_PASSWORD": "secret too",
    "WEBJOBS_DATABASE_URL": "postgresql://ada:secret@db/webjobs",
}


def test_only_the_api_gets_the_login() -> None:
    credentials = api_spec(CALLER, "nats://n", "m", "127.0.0.1", 8080).credentials
    assert credentials == {
        "WEBJOBS_NATS_URL": "nats://n",
        "WEBJOBS_USERNAME": "ada",
        "WEBJOBS_PASSWORD": "secret",
        "WEBJOBS_VIEWER_USERNAME": "eve",
        "WEBJOBS_VIEWER_PASSWORD": "secret too",
    }


def test_only_the_history_gets_the_database() -> None:
    spec = history_spec(CALLER, "nats://n", "m", database_url="postgresql://x", health_port=1)
    assert spec.credentials == {"WEBJOBS_NATS_URL": "nats://n", "WEBJOBS_DATABASE_URL": "postgresql://x"}


def test_a_runner_gets_settings_and_no_credentials() -> None:
    spec = runner_spec(
        CALLER, "nats://n", "m", name="runner", data=Path("/d"), instance_id="a1b2c3", health_port=1
    )
    assert spec.environment["WEBJOBS_RESTART_TIME"] == "5"
    assert spec.environment["WEBJOBS_DATA"] == "/d"
    assert spec.credentials == {"WEBJOBS_NATS_URL": "nats://n"}


def test_no_credential_is_in_the_environment_of_any_service() -> None:
    specs = (
        api_spec(CALLER, "nats://secret@n", "m", "127.0.0.1", 8080),
        history_spec(CALLER, "nats://secret@n", "m", database_url="postgresql://secret@x", health_port=1),
        runner_spec(
            CALLER, "nats://secret@n", "m", name="r", data=Path("/d"), instance_id="a1b2c3", health_port=1
        ),
    )
    assert not [spec.name for spec in specs if "secret" in "".join(spec.environment.values())]
    assert "secret" not in "".join(public_variables(CALLER).values())


def test_every_service_gets_the_number_of_replicas() -> None:
    api = api_spec(CALLER, "nats://n", "m", "127.0.0.1", 8080)
    history = history_spec(CALLER, "nats://n", "m", database_url="postgresql://x", health_port=1)
    runner = runner_spec(
        CALLER, "nats://n", "m", name="r", data=Path("/d"), instance_id="a1b2c3", health_port=1
    )
    assert {spec.environment["WEBJOBS_NATS_REPLICAS"] for spec in (api, history, runner)} == {"3"}


def test_lines_are_readable_unless_the_caller_wants_json() -> None:
    assert api_spec({}, "n", "m", "h", 1).environment["WEBJOBS_LOG_FORMAT"] == "console"
    wanted = {"WEBJOBS_LOG_FORMAT": "json"}
    assert api_spec(wanted, "n", "m", "h", 1).environment["WEBJOBS_LOG_FORMAT"] == "json"
