from collections.abc import Mapping
from dataclasses import replace

from webjobs_rules.environment import ScriptFacts, inherited_environment, script_environment
from webjobs_rules.trace import Trace

FACTS = ScriptFacts(
    path="/tmp/jobs/triggered/hello/x1",
    name="hello",
    type="triggered",
    data_path="/srv/data/jobs/triggered/hello",
    instance_id="327e1e",
    home="/srv",
    webroot_path="/srv/site/wwwroot",
    site_name="webjobs",
    temporary_folder="/tmp",
    run_id="202611220956001234",
    command_arguments="a 'b c'",
)


def composed(
    base: Mapping[str, str],
    settings: Mapping[str, str],
    facts: ScriptFacts,
    *,
    own_program_folder: str | None = None,
    job_variables: Mapping[str, str] | None = None,
) -> dict[str, str]:
    inherited = inherited_environment(base, own_program_folder)
    return script_environment(inherited, settings, job_variables or {}, facts)


def test_a_job_is_told_what_it_is() -> None:
    environment = composed({}, {}, FACTS)
    assert environment == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/srv",
        "TEMP": "/tmp",
        "WEBJOBS_PATH": "/tmp/jobs/triggered/hello/x1",
        "WEBJOBS_NAME": "hello",
        "WEBJOBS_TYPE": "triggered",
        "WEBJOBS_DATA_PATH": "/srv/data/jobs/triggered/hello",
        "WEBJOBS_RUN_ID": "202611220956001234",
        "WEBJOBS_COMMAND_ARGUMENTS": "a 'b c'",
        "WEBSITE_INSTANCE_ID": "327e1e",
        "WEBROOT_PATH": "/srv/site/wwwroot",
        "WEBSITE_SITE_NAME": "webjobs",
    }


def test_a_continuous_job_has_an_empty_run_id_a_shutdown_file_and_a_port() -> None:
    facts = ScriptFacts(
        path="/p", name="n", type="continuous", data_path="/d", instance_id="327e1e", home="/h",
        webroot_path="/w", site_name="webjobs", temporary_folder="/tmp",
        shutdown_file="/tmp/JobsShutdown/n", port=40001,
    )  # fmt: skip
    environment = composed({}, {}, facts)
    assert environment["WEBJOBS_RUN_ID"] == ""
    assert environment["WEBJOBS_SHUTDOWN_FILE"] == "/tmp/JobsShutdown/n"
    assert environment["WEBJOBS_PORT"] == "40001"


def test_the_services_own_variables_do_not_reach_a_job() -> None:
    base = {
        "WEBJOBS_PASSWORD": "s",
        "WEBJOBS_VIEWER_USERNAME": "s",
        "WEBJOBS_VIEWER_PASSWORD": "s",
        "WEBJOBS_DATABASE_URL": "s",
        "PGPASSWORD": "s",
        "POSTGRES_PASSWORD": "s",
        "NATS_TOKEN": "s",
        "VIRTUAL_ENV": "/srv/.venv",
        "PYTHONPATH": "/srv/services",
        "PYTHONHOME": "/srv/python",
        "LANG": "C.UTF-8",
    }
    environment = composed(base, {}, FACTS)
    assert environment["LANG"] == "C.UTF-8"
    assert not environment.keys() & (base.keys() - {"LANG"})


def test_home_is_the_site_and_the_sites_name_is_whoever_names_it() -> None:
    base = {"HOME": "/home/ada", "WEBSITE_SITE_NAME": "shop"}
    environment = composed(base, {}, FACTS)
    assert (environment["HOME"], environment["WEBSITE_SITE_NAME"]) == ("/srv", "shop")
    settings = {"HOME": "/elsewhere", "WEBSITE_SITE_NAME": "market"}
    environment = composed(base, settings, FACTS)
    assert (environment["HOME"], environment["WEBSITE_SITE_NAME"]) == ("/elsewhere", "market")


def test_our_own_program_folder_leaves_the_path() -> None:
    path = {"PATH": "/srv/.venv/bin:/usr/bin::/srv/.venv/bin/:/bin"}
    assert composed(path, {}, FACTS, own_program_folder="/srv/.venv/bin")["PATH"] == "/usr/bin:/bin"
    assert composed(path, {}, FACTS)["PATH"] == "/srv/.venv/bin:/usr/bin:/srv/.venv/bin/:/bin"


def test_app_settings_are_the_environment_of_jobs() -> None:
    settings = {"GREETING": "hello", "WEBJOBS_RESTART_TIME": "5", "PATH": "/opt/bin", "PGHOST": "its-own"}
    environment = composed({"PATH": "/bin", "PGHOST": "ours"}, settings, FACTS)
    assert settings.items() <= environment.items()


def test_app_settings_override_neither_the_facts_nor_bring_credentials() -> None:
    settings = {
        "WEBJOBS_NAME": "liar",
        "WEBSITE_INSTANCE_ID": "liar",
        "WEBJOBS_PASSWORD": "s",
        "WEBJOBS_USERNAME": "s",
        "WEBJOBS_NATS_URL": "s",
        "webjobs_database_url": "s",
    }
    environment = composed({}, settings, FACTS)
    assert environment["WEBJOBS_NAME"] == "hello"
    assert environment["WEBSITE_INSTANCE_ID"] == "327e1e"
    assert "s" not in environment.values()


def test_settings_no_kernel_can_carry_are_left_out() -> None:
    settings = {"": "x", "A=B": "x", "C\0": "x", "D": "x\0"}
    assert not settings.keys() & composed({}, settings, FACTS).keys()


def test_the_variables_of_the_job_beat_app_settings_and_never_say_what_it_is() -> None:
    own = {"GREETING": "mine", "TEMP": "/var/tmp", "WEBJOBS_NAME": "other", "WEBJOBS_PASSWORD": "x"}
    environment = composed({"GREETING": "base"}, {"GREETING": "site", "A": "1"}, FACTS, job_variables=own)
    assert (environment["GREETING"], environment["A"], environment["TEMP"]) == ("mine", "1", "/var/tmp")
    assert environment["WEBJOBS_NAME"] == "hello"
    assert "WEBJOBS_PASSWORD" not in environment


def test_a_run_is_told_its_trace_and_no_other() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    others = {"TRACEPARENT": "00-x", "TRACESTATE": "x=1"}
    for trace, state in ((Trace(parent, "a=1"), "a=1"), (Trace(parent), None)):
        environment = composed(others, others, replace(FACTS, trace=trace))
        assert environment["TRACEPARENT"] == parent
        assert environment.get("TRACESTATE") == state
    continuous = composed(others, {}, replace(FACTS, type="continuous"))
    assert not others.keys() & continuous.keys()
