"""What each service gets: the caller's variables, its addresses, and apart from them its credentials."""

from collections.abc import Mapping
from pathlib import Path

from webjobs_rules.app_settings import LOGIN_VARIABLES, is_credential

from webjobs_stack.health_ports import HOST
from webjobs_stack.services import ServiceSpec

# A runner lets a script take its time to stop; its own deadline must be longer than the script's.
RUNNER_STOP_SECONDS = 40.0


def api_spec(caller: Mapping[str, str], nats_url: str, module: str, host: str, port: int) -> ServiceSpec:
    """The api, which alone knows the users' names and passwords."""
    own = {"WEBJOBS_HOST": host, "WEBJOBS_PORT": str(port)}
    login = {name: caller[name] for name in LOGIN_VARIABLES if name in caller}
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
    health_host: str = HOST,
    health_port: int,
) -> ServiceSpec:
    """A runner, which knows no credentials: its scripts must not find any."""
    own = {
        "WEBJOBS_DATA": str(data),
        "WEBJOBS_INSTANCE_ID": instance_id,
        **_health(health_host, health_port),
    }
    return ServiceSpec(
        name=name,
        module=module,
        environment={**_common(caller), **own},
        credentials={"WEBJOBS_NATS_URL": nats_url},
        health_host=health_host,
        health_port=health_port,
        address=f"{health_host}:{health_port} (instance {instance_id})",
        stop_seconds=RUNNER_STOP_SECONDS,
        ends_scripts=True,
    )


def history_spec(
    caller: Mapping[str, str],
    nats_url: str,
    module: str,
    *,
    database_url: str,
    health_host: str = HOST,
    health_port: int,
) -> ServiceSpec:
    """The history, which alone knows the database."""
    credentials = {"WEBJOBS_NATS_URL": nats_url, "WEBJOBS_DATABASE_URL": database_url}
    return ServiceSpec(
        name="history",
        module=module,
        environment={**_common(caller), **_health(health_host, health_port)},
        credentials=credentials,
        health_host=health_host,
        health_port=health_port,
        address=f"{health_host}:{health_port}",
    )


def public_variables(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables that any process of the stack may have."""
    return {name: value for name, value in caller.items() if not is_credential(name)}


def _common(caller: Mapping[str, str]) -> dict[str, str]:
    public = public_variables(caller)
    if public.get("WEBJOBS_LOG_FORMAT", "") in ("", "auto"):
        # The services see a pipe and would write JSON.
        public["WEBJOBS_LOG_FORMAT"] = "console"
    return public


def _health(host: str, port: int) -> dict[str, str]:
    return {"WEBJOBS_HEALTH_HOST": host, "WEBJOBS_HEALTH_PORT": str(port)}
