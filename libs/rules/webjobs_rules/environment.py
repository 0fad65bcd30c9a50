"""The environment variables a job's process is given, and those it must never see."""

from collections.abc import Mapping
from dataclasses import dataclass

from webjobs_rules.app_settings import is_credential
from webjobs_rules.trace import Trace

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The services' own: addresses and credentials, and whatever steers our interpreter.
_OWN_PREFIXES = (
    "WEBJOBS_",
    "PG",
    "POSTGRES_",
    "NATS_",
    "OTEL_",
    "PYTHON",
    "VIRTUAL_ENV",
    # Of the programs that install packages: they hold the logins of indexes.
    "UV_",
    "PIP_",
    "NPM_CONFIG_",
)
_OWN_NAMES = frozenset({"DATABASE_URL", "__PYVENV_LAUNCHER__", "TRACEPARENT", "TRACESTATE", "NPM_TOKEN"})


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """The facts about a job in the environment of its process.

    `home` is the site folder, `webroot_path` the `site/wwwroot` in it. `run_id` is empty for a continuous
    job, which has no `result_file` and `progress_file` either; `port` is for continuous jobs only,
    `fencing_token` for singletons. A run belongs to a `trace`; a continuous job does not: it outlives every
    request.
    """

    path: str
    name: str
    type: str
    data_path: str
    instance_id: str
    home: str
    webroot_path: str
    site_name: str
    temporary_folder: str
    run_id: str = ""
    command_arguments: str = ""
    trace: Trace | None = None
    shutdown_file: str | None = None
    result_file: str | None = None
    progress_file: str | None = None
    port: int | None = None
    fencing_token: int | None = None


def inherited_environment(base: Mapping[str, str], own_program_folder: str | None) -> dict[str, str]:
    """The part of a script's environment that is the runner's, the same for every script.

    The runner's own variables are not in it. `own_program_folder` is the bin folder of the virtual
    environment we run in, if any: it leaves PATH, so that a job's `python3` is the system's.
    """
    environment = {name: value for name, value in base.items() if not _is_own(name)}
    environment["PATH"] = _path_without(environment.get("PATH", ""), own_program_folder)
    return environment


def script_environment(
    inherited: Mapping[str, str],
    app_settings: Mapping[str, str],
    job_variables: Mapping[str, str],
    facts: ScriptFacts,
) -> dict[str, str]:
    """Compose the environment of one script: what it inherits, app settings, the job's own, then the facts.

    App settings and the job's settings may set anything but the facts and the services' credentials. The
    site's name may be inherited too; the runner's own home is not, for it is none of the job's business.

    Source: docs/compatibility.md#environment.
    """
    site = {"WEBSITE_SITE_NAME": facts.site_name}
    environment = {**site, **inherited, "HOME": facts.home, "TEMP": facts.temporary_folder}
    for given in (app_settings, job_variables):
        environment |= {n: v for n, v in given.items() if _is_passable(n, v) and not is_credential(n)}
    if facts.trace is not None:  # a state without its parent is none
        environment.pop("TRACESTATE", None)
    return environment | _variables(facts)


def _variables(facts: ScriptFacts) -> dict[str, str]:
    variables = {
        "WEBJOBS_PATH": facts.path,
        "WEBJOBS_NAME": facts.name,
        "WEBJOBS_TYPE": facts.type,
        "WEBJOBS_DATA_PATH": facts.data_path,
        "WEBJOBS_RUN_ID": facts.run_id,
        "WEBJOBS_COMMAND_ARGUMENTS": facts.command_arguments,
        "WEBSITE_INSTANCE_ID": facts.instance_id,
        "WEBROOT_PATH": facts.webroot_path,
    }
    if facts.trace is not None:
        variables["TRACEPARENT"] = facts.trace.traceparent
        if facts.trace.tracestate is not None:
            variables["TRACESTATE"] = facts.trace.tracestate
    if facts.shutdown_file is not None:
        variables["WEBJOBS_SHUTDOWN_FILE"] = facts.shutdown_file
    if facts.result_file is not None:
        variables["WEBJOBS_RESULT_FILE"] = facts.result_file
    if facts.progress_file is not None:
        variables["WEBJOBS_PROGRESS_FILE"] = facts.progress_file
    if facts.port is not None:
        variables["WEBJOBS_PORT"] = str(facts.port)
    if facts.fencing_token is not None:
        variables["WEBJOBS_FENCING_TOKEN"] = str(facts.fencing_token)
    return variables


def _is_own(name: str) -> bool:
    return name.upper().startswith(_OWN_PREFIXES) or name.upper() in _OWN_NAMES


def _is_passable(name: str, value: str) -> bool:
    """Returns whether the kernel accepts the variable at all."""
    return name != "" and "=" not in name and "\0" not in name and "\0" not in value


def _path_without(path: str, folder: str | None) -> str:
    own = folder.rstrip("/") if folder else None
    kept = [entry for entry in path.split(":") if entry and entry.rstrip("/") != own]
    return ":".join(kept) or _DEFAULT_PATH
