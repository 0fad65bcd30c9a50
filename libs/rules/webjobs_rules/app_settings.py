"""What an app setting may be: its name, its value, and which names belong to the services themselves."""

import re
from collections.abc import Callable, Mapping

from webjobs_rules.errors import InvalidAppSetting, UnknownTimeZone
from webjobs_rules.time_zone import parse_time_zone
from webjobs_rules.windows_zones import WINDOWS_ZONES

MAX_NAME_LENGTH = 256  # characters
MAX_VALUE_BYTES = 32 * 1024
MAX_TOTAL_BYTES = 256 * 1024
"""Of all names and values together: they are in the environment of every process, which has a limit."""

MAX_SETTINGS = 1000
"""Of one installation; each is a key on NATS."""

MAX_KEPT_VERSIONS = 50
"""Of one job; each is a part of its definition."""

_NAME = re.compile(r"[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*")
LOGIN_VARIABLES = (
    "WEBJOBS_USERNAME",
    "WEBJOBS_PASSWORD",
    "WEBJOBS_VIEWER_USERNAME",
    "WEBJOBS_VIEWER_PASSWORD",
)
"""Names and passwords of the users of the api, which nothing else needs."""
_CREDENTIAL_PREFIXES = ("WEBJOBS_NATS_", "WEBJOBS_DATABASE_", "WEBJOBS_POSTGRES_")

START_VARIABLES = frozenset(
    f"WEBJOBS_{name}"
    for name in (
        "BUILD_PACKAGES",
        "CACHE_LIMIT_MB",
        "CORS_ORIGINS",
        "DATA",
        "DEPENDENCIES",
        "DISK_RESERVE_MB",
        "ENVIRONMENT_LIMIT_MB",
        "HEALTH_HOST",
        "HEALTH_PORT",
        "HOOKS_ALLOW_PRIVATE",
        "HOST",
        "INSTALL_SCRIPTS",
        "INSTANCE_ID",
        "JOB_INDEXES",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "NAMESPACE",
        "NATS_REPLICAS",
        "PASSTHROUGH_SANDBOX",
        "PORT",
        "PYTHONS",
        "SCRIPT_HOSTS",
        "SLOTS",
        "STALLED_CLIENT_SECONDS",
        "TEMP",
        "TRUSTED_PROXIES",
        "UNPACKED_LIMIT_MB",
        "UPLOAD_LIMIT_MB",
    )
)
"""What services and `webjobs up` read at their start, beside credentials; a test compares it with them."""

JOB_VARIABLES = frozenset(
    f"WEBJOBS_{name}"
    for name in (
        "COMMAND_ARGUMENTS",
        "DATA_PATH",
        "FENCING_TOKEN",
        "NAME",
        "PATH",
        "PROGRESS_FILE",
        "RESULT_FILE",
        "RUN_ID",
        "SHUTDOWN_FILE",
        "TYPE",
    )
)
"""What the runner sets in the environment of each process."""

_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false", ""})


def is_credential(name: str) -> bool:
    """Whether a name is one of the services' own addresses and credentials, which no job may see."""
    capitals = name.upper()
    if capitals in START_VARIABLES:
        return False
    return capitals in LOGIN_VARIABLES or capitals.startswith(_CREDENTIAL_PREFIXES)


def fits_environment(name: str, value: str) -> bool:
    """Whether a process can be started with this variable: one that cannot would keep every job from it."""
    return bool(_NAME.fullmatch(name)) and len(value) <= MAX_VALUE_BYTES and "\0" not in value


def is_true(text: str | None) -> bool:
    """Returns whether a setting is switched on: `1` or `true`. Source: docs/compatibility.md#settings."""
    return (text or "").strip().lower() in _TRUE


def check_name(name: str) -> None:
    """Go on when this can be the name of an app setting.

    Raises:
        InvalidAppSetting: Saying why not.
    """
    if not name:
        raise InvalidAppSetting(name, "its name is empty")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidAppSetting(name, f"its name is longer than {MAX_NAME_LENGTH} characters")
    if not _NAME.fullmatch(name):
        raise InvalidAppSetting(
            name, "its name may have letters without accents, digits, _, -, : and single dots inside"
        )


def check_value(name: str, value: str) -> None:
    """Go on when the app setting of this name may have this value; empty is as good as not set.

    Raises:
        InvalidAppSetting: Saying why not.
    """
    _check_owner(name)
    try:
        size = len(value.encode("utf-8"))
    except UnicodeError as error:
        raise InvalidAppSetting(name, "its value is not UTF-8 text") from error
    if "\0" in value:
        raise InvalidAppSetting(name, "its value holds a NUL character, which no process can be given")
    if size > MAX_VALUE_BYTES:
        raise InvalidAppSetting(name, f"its value is longer than {MAX_VALUE_BYTES:,} bytes")
    rule = _RULES.get(name)
    if rule is not None and value.strip():
        rule(name, value)


def _check_owner(name: str) -> None:
    """Refuse the variables that no app setting changes: it would be stored and have no effect."""
    capitals = name.upper()
    if is_credential(name) or capitals in START_VARIABLES:
        raise InvalidAppSetting(
            name,
            "the services read it from their environment when they start; set it there, then restart them",
        )
    if capitals in UNDERSTOOD and name != capitals:
        raise InvalidAppSetting(name, f"the name has capitals only: {capitals}")


def _is_seconds(name: str, value: str) -> None:
    if not 0 <= _number(name, value) < float("inf"):
        raise InvalidAppSetting(name, f"{value[:60]!r} is no number of seconds; 0 or more is wanted")


def _is_count(name: str, value: str) -> None:
    if not 1 <= _number(name, value) < float("inf"):
        raise InvalidAppSetting(name, f"{value[:60]!r} is no whole number of 1 or more")


def _is_number_of_versions(name: str, value: str) -> None:
    if not 1 <= _number(name, value) <= MAX_KEPT_VERSIONS:
        raise InvalidAppSetting(name, f"{value[:60]!r} is no number from 1 to {MAX_KEPT_VERSIONS}")


def _is_size(name: str, value: str) -> None:
    if not 0 <= _number(name, value) < float("inf"):
        raise InvalidAppSetting(name, f"{value[:60]!r} is not a number of bytes; set 0 or more")


def _is_switch(name: str, value: str) -> None:
    if value.strip().lower() not in _TRUE | _FALSE:
        raise InvalidAppSetting(name, f"{value[:60]!r} is neither 1 or true, nor 0 or false")


def _is_time_zone(name: str, value: str) -> None:
    written = value.strip()
    try:
        parse_time_zone(WINDOWS_ZONES.get(written, written))
    except UnknownTimeZone as error:
        raise InvalidAppSetting(name, str(error).rstrip(".?")) from error


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise InvalidAppSetting(name, f"{value[:60]!r} is no number") from error


_RULES: Mapping[str, Callable[[str, str], None]] = {
    "WEBJOBS_RESTART_TIME": _is_seconds,
    "WEBJOBS_IDLE_TIMEOUT": _is_seconds,
    "WEBJOBS_HISTORY_SIZE": _is_count,
    "WEBJOBS_KEPT_VERSIONS": _is_number_of_versions,
    "WEBJOBS_MAX_LOG_BYTES": _is_size,
    "WEBJOBS_STOPPED": _is_switch,
    "WEBJOBS_DISABLE_SCHEDULE": _is_switch,
    "WEBSITE_TIME_ZONE": _is_time_zone,
}

UNDERSTOOD = frozenset(_RULES)
"""The settings that webjobs itself obeys; they may be in the environment of the services too."""
