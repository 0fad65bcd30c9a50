"""What each service gets: the caller's variables, its addresses, and apart from them its credentials."""

from collections.abc import Mapping
from pathlib import Path

from webjobs_events.app_settings import is_credential

from webjobs_stack.services import ServiceSpec

HEALTH_HOST = "127.0.0.1"
# A runner lets a script take its time to stop; its own deadline must be longer than the script's.
RUNNER_STOP_SECONDS = 40.0


def api_spec(caller: Mapping[str, str], nats_url: str, module: str, host: str, port: int) -> ServiceSpec:
    """The api, which alone knows the users' name and password."""
    own = {"WEBJOBS_HOST": host, "WEBJOBS_PORT": str(port)}
    login = {name: caller[name] for name in ("WEBJOBS_USERNAME", "WEBJOBS_PASSWORD") if name in caller}
    return ServiceSpec(
        name="api",
        module=module,
        environment={**_common(caller), **own},
        credentials={"WEBJOBS_NATS_URL": nats_url, **login},
        health_host=host,
        health_port=port,
        address=f"{host}:{port}",
    )


def runner_spec(
    caller: Mapping[str, str],
    nats_url: str,
    module: str,
    *,
    name: str,
    data: Path,
    instance_id: str,
    health_port: int,
) -> ServiceSpec:
    """A runner, which knows no credentials: its scripts must not find any."""
    own = {
        "WEBJOBS_DATA": str(data),
        "WEBJOBS_INSTANCE_ID": instance_id,
        **_health(health_port),
    }
    return ServiceSpec(
        name=name,
        module=module,
        environment={**_common(caller), **own},
        credentials={"WEBJOBS_NATS_URL": nats_url},
        health_host=HEALTH_HOST,
        health_port=health_port,
        address=f"{HEALTH_HOST}:{health_port} (instance {instance_id})",
        stop_seconds=RUNNER_STOP_SECONDS,
        ends_scripts=True,
    )


def history_spec(
    caller: Mapping[str, str], nats_url: str, module: str, *, database_url: str, health_port: int
) -> ServiceSpec:
    """The history, which alone knows the database."""
    credentials = {"WEBJOBS_NATS_URL": nats_url, "WEBJOBS_DATABASE_URL": database_url}
    return ServiceSpec(
        name="history",
        module=module,
        environment={**_common(caller), **_health(health_port)},
        credentials=credentials,
        health_host=HEALTH_HOST,
        health_port=health_port,
        address=f"{HEALTH_HOST}:{health_port}",
    )


def public_variables(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables that any process of the stack may have."""
    return {name: value for name, value in caller.items() if not is_credential(name)}


def _common(caller: Mapping[str, str]) -> dict[str, str]:
    # A person reads the lines on a terminal, though the services see a pipe.
    return {"WEBJOBS_LOG_FORMAT": "console", **public_variables(caller)}


def _health(port: int) -> dict[str, str]:
    return {"WEBJOBS_HEALTH_HOST": HEALTH_HOST, "WEBJOBS_HEALTH_PORT": str(port)}
