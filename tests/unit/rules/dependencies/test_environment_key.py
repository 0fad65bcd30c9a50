"""What names an environment, and what the tools that build it see."""

from dataclasses import replace

import pytest
from webjobs_rules.dependencies.environment_key import Interpreter, environment_key
from webjobs_rules.dependencies.policy import DependencyPolicy, read_build_packages
from webjobs_rules.dependencies.tool_environment import tool_environment
from webjobs_rules.environment import inherited_environment

PYTHON = Interpreter("/usr/bin/python3.11", "cpython", "3.11.7", "cpython-311-x86_64-linux-gnu", "glibc-2.36")


def test_the_key_changes_with_each_fact() -> None:
    policy = DependencyPolicy()
    keys = {environment_key("a", PYTHON, policy), environment_key("b", PYTHON, policy)}
    for field in ("path", "implementation", "version", "abi", "libc"):
        keys.add(environment_key("a", replace(PYTHON, **{field: "other"}), policy))
    keys.add(environment_key("a", PYTHON, DependencyPolicy(build_packages=("alpha",))))
    assert len(keys) == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [("none", ()), ("", ()), ("all", ("all",)), ("B_b, a", ("a", "b-b"))],
)
def test_packages_that_may_be_built(text: str, expected: tuple[str, ...]) -> None:
    assert read_build_packages(text) == expected


@pytest.mark.parametrize("text", ["none,a", "all,a", "a b", "-x"])
def test_wrong_lists_of_packages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected none, all, or names"):
        read_build_packages(text)


RUNNER = {
    "PATH": "/usr/bin",
    "HTTPS_PROXY": "http://proxy.example",
    "SSL_CERT_FILE": "/etc/ssl/own.pem",
    "UV_INDEX_URL": "https://user:canary@index.example",
    "UV_PYTHON": "/opt/other",
    "NPM_CONFIG_REGISTRY": "https://registry.example",
    "npm_config_userconfig": "/root/.npmrc",
    "PIP_INDEX_URL": "https://user:canary@index.example",
    "NPM_TOKEN": "canary",
    "WEBJOBS_PASSWORD": "canary-of-services",
    "PGPASSWORD": "canary-of-services",
    "DATABASE_URL": "canary-of-services",
    "CLOUD_SECRET": "canary-of-services",
}


def test_the_tools_see_their_own_variables_and_no_secret_of_the_services() -> None:
    environment = tool_environment(RUNNER, "/empty", "/cache", "/here")
    assert environment["UV_INDEX_URL"] == RUNNER["UV_INDEX_URL"]
    assert environment["HTTPS_PROXY"] == RUNNER["HTTPS_PROXY"]
    assert environment["NPM_CONFIG_REGISTRY"] == RUNNER["NPM_CONFIG_REGISTRY"]
    assert (environment["HOME"], environment["UV_CACHE_DIR"]) == ("/empty", "/cache/uv")
    assert "UV_PYTHON" not in environment and "npm_config_userconfig" not in environment
    assert "canary-of-services" not in " ".join(environment.values())


def test_no_script_inherits_what_the_tools_log_in_with() -> None:
    inherited = inherited_environment(RUNNER, None)
    assert set(inherited) == {"PATH", "HTTPS_PROXY", "SSL_CERT_FILE", "CLOUD_SECRET"}


def test_an_empty_variable_is_as_one_that_is_not_set() -> None:
    environment = tool_environment(
        {"UV_DEFAULT_INDEX": "", "NPM_CONFIG_REGISTRY": "", "UV_HTTP_TIMEOUT": ""}, "/h", "/c", "/w"
    )
    assert "UV_DEFAULT_INDEX" not in environment and "NPM_CONFIG_REGISTRY" not in environment
    assert environment["UV_HTTP_TIMEOUT"] == "120"


def test_relative_paths_start_where_the_runner_was_started() -> None:
    given = {
        "UV_FIND_LINKS": "wheels, /more,https://h/x",
        "SSL_CERT_FILE": "own.pem",
        "NODE_EXTRA_CA_CERTS": "/a",
    }
    environment = tool_environment(given, "/h", "/c", "/here")
    assert environment["UV_FIND_LINKS"] == "/here/wheels,/more,https://h/x"
    assert environment["SSL_CERT_FILE"] == "/here/own.pem" and environment["NODE_EXTRA_CA_CERTS"] == "/a"
