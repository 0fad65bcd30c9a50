"""docker-compose.yml without Docker: known keys, right references, safe ports, defaults for all variables."""

from typing import Any

import pytest
from support.compose import ROOT, load_compose, targets

SERVICE_KEYS: dict[str, type | tuple[type, ...]] = {
    "build": dict,
    "cap_drop": list,
    "command": list,
    "depends_on": dict,
    "environment": dict,
    "healthcheck": dict,
    "image": str,
    "networks": list,
    "ports": list,
    "restart": str,
    "security_opt": list,
    "shm_size": str,
    "stop_grace_period": str,
    "volumes": list,
}
# `start_interval` needs Docker Engine 25.
HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return load_compose({})


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_it_has_the_five_services(services: dict[str, Any]) -> None:
    assert set(services) == {"nats", "postgres", "api", "runner", "history"}


def test_every_key_is_known_and_of_its_type(compose: dict[str, Any], services: dict[str, Any]) -> None:
    assert {key for key in compose if not key.startswith("x-")} == {
        "name",
        "services",
        "networks",
        "volumes",
    }
    for name, service in services.items():
        for key, value in service.items():
            assert key in SERVICE_KEYS, f"{name}.{key}"
            assert isinstance(value, SERVICE_KEYS[key]), f"{name}.{key}"
        assert ("image" in service) != ("build" in service), name


def test_every_environment_value_is_text(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in service["environment"].items():
            assert isinstance(value, str), f"{name}.{variable}: quote it"


def test_every_variable_has_a_default() -> None:
    assert "${" not in str(load_compose({}))


def test_everything_referred_to_exists(compose: dict[str, Any], services: dict[str, Any]) -> None:
    for service in services.values():
        assert set(service["networks"]) <= set(compose["networks"])
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[other]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source in compose["volumes"]
        if "build" in service:
            assert targets()[service["build"]["target"]]["cmd"] is not None


def test_every_service_is_restarted_and_watched(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        assert set(service["healthcheck"]) <= HEALTHCHECK_KEYS
        assert service["healthcheck"]["test"][0] == "CMD", "no shell in between"


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_runners_can_be_scaled(services: dict[str, Any]) -> None:
    runner = services["runner"]
    assert "ports" not in runner
    assert "container_name" not in runner
    assert "WEBJOBS_INSTANCE_ID" not in runner["environment"]


def test_each_service_knows_only_its_own_credentials(services: dict[str, Any]) -> None:
    secrets = {
        "NATS_API_PASSWORD": "bus-api",
        "NATS_RUNNER_PASSWORD": "bus-runner",
        "NATS_HISTORY_PASSWORD": "bus-history",
        "POSTGRES_PASSWORD": "database",
        "WEBJOBS_PASSWORD": "login",
        "WEBJOBS_VIEWER_USERNAME": "viewer",
        "WEBJOBS_VIEWER_PASSWORD": "looks",
    }
    known = {
        name: {secret for secret in secrets.values() if secret in str(service["environment"])}
        for name, service in load_compose(secrets)["services"].items()
    }
    assert known["api"] == {"bus-api", "login", "viewer", "looks"}
    assert known["runner"] == {"bus-runner"}
    assert known["history"] == {"bus-history", "database"}
    assert known["postgres"] == {"database"}


def test_the_runner_cannot_reach_postgres(services: dict[str, Any]) -> None:
    assert not set(services["runner"]["networks"]) & set(services["postgres"]["networks"])
