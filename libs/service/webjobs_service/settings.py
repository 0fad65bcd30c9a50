"""Environment → one frozen settings object per service; every fault of the environment in one error."""

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from webjobs_service.credential_handover import (
    BadHandOver,
    close_to_others,
    erase_variables,
    receive_credentials,
)
from webjobs_service.credentials import refuse_bad_port, refuse_unescaped_credentials

ENV_PREFIX = "WEBJOBS_"
NATS_WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})
NATS_SCHEMES = frozenset({"nats", "tls"}) | NATS_WEBSOCKET_SCHEMES


class LogLevel(StrEnum):
    """The least serious messages that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line is written."""

    AUTO = "auto"
    """Console on a terminal, JSON elsewhere."""
    CONSOLE = "console"
    JSON = "json"


class Fault:
    """One variable that cannot be used: its name, the value given (None for a secret), what is wrong."""

    def __init__(self, variable: str, value: str | None, expected: str) -> None:
        self.variable = variable
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        given = self.variable if self.value is None else f"{self.variable}={self.value[:100]!r}"
        return f"{given}: {self.expected}"


class InvalidSettings(Exception):
    """The environment cannot be used; names every faulty variable at once."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"Fix these environment variables and start again:\n{listed}")


class ServiceSettings(BaseSettings):
    """What every service reads from its environment.

    A field is `WEBJOBS_<FIELD>`, or its alias when it has one. A field with `repr=False` is a secret:
    it is shown in no error, log or representation. Empty variables count as unset, unknown ones are ignored.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    nats_url: str = Field(
        default="nats://127.0.0.1:4222",
        repr=False,
        description="Where NATS is, with credentials if it wants any; several servers, comma-separated.",
    )
    nats_replicas: int = Field(
        default=1,
        description="How many servers of a NATS cluster keep each stream: 1, 3 or 5. Streams with fewer are "
        "raised at start, none is lowered.",
    )
    namespace: str = Field(
        default="webjobs",
        pattern=r"^[a-z][a-z0-9]*$",
        max_length=32,
        description="First word of every stream and subject; differs when installations share one NATS.",
    )
    log_level: LogLevel = Field(
        default=LogLevel.INFO,
        description="Least serious messages that are logged: debug, info, warning or error.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="Form of log lines: auto (console on a terminal, else json), console or json.",
    )

    @field_validator("nats_url")
    @classmethod
    def _names_nats_servers(cls, value: str) -> str:
        logins: set[tuple[str | None, str | None]] = set()
        websockets: set[bool] = set()
        for address in value.split(","):
            parts = urlsplit(address.strip())
            if parts.scheme not in NATS_SCHEMES or not parts.hostname:
                raise ValueError("wants nats://[user:password@]host:port, comma-separated when several")
            refuse_unescaped_credentials(address)
            refuse_bad_port(address)
            websockets.add(parts.scheme in NATS_WEBSOCKET_SCHEMES)
            if parts.username is not None:
                logins.add((parts.username, parts.password))
        if len(logins) > 1:
            raise ValueError("all servers must be of one cluster and have the same user and password")
        if len(websockets) > 1:
            raise ValueError("ws:// and wss:// cannot be mixed with nats:// and tls://")
        return value

    @field_validator("nats_replicas", mode="before")
    @classmethod
    def _is_a_number_of_replicas(cls, value: object) -> int:
        text = str(value).strip()
        if text not in {"1", "3", "5"}:
            raise ValueError("expected 1, 3 or 5")
        return int(text)

    @classmethod
    def from_environment(cls, handed_over: Mapping[str, str] | None = None) -> Self:
        """The settings this process's environment gives.

        Args:
            handed_over: More variables by name; they beat those of the environment.

        Raises:
            InvalidSettings: Naming every faulty variable.
        """
        given: dict[str, Any] = {
            name: handed_over[variable]
            for name, field in cls.model_fields.items()
            if handed_over and (variable := _variable(name, field)) in handed_over
        }
        try:
            return cls(**given)
        except ValidationError as error:
            raise InvalidSettings([_fault(cls, fault) for fault in error.errors()]) from None
        except SettingsError as error:
            raise InvalidSettings([Fault(ENV_PREFIX + "*", None, str(error))]) from None


S = TypeVar("S", bound=ServiceSettings)


def load_settings(settings_type: type[S]) -> S:
    """The settings of a service from the environment.

    Raises:
        InvalidSettings: Naming every faulty variable at once.
    """
    return settings_type.from_environment()


def load_settings_or_exit(settings_type: type[S]) -> S:
    """The same for a program's first line: prints faults on standard error and exits with code 2.

    Credentials come from the parent process or from the environment. Afterwards they are in the settings
    only, and other processes of the user cannot read them.
    """
    close_to_others()
    try:
        settings = settings_type.from_environment(receive_credentials())
    except (InvalidSettings, BadHandOver) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    erase_variables({name for name, field in variables(settings_type).items() if not field.repr})
    return settings


def variables(settings_type: type[ServiceSettings]) -> Mapping[str, FieldInfo]:
    """The fields of a service's settings by the environment variable that sets each."""
    return {_variable(name, field): field for name, field in settings_type.model_fields.items()}


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return alias if isinstance(alias, str) else ENV_PREFIX + name.upper()


def _fault(settings_type: type[ServiceSettings], error: Any) -> Fault:
    """The fault in one entry of pydantic's list of errors; an entry without a field is about several."""
    location = str(error["loc"][0]) if error["loc"] else ""
    expected = str(error["msg"]).removeprefix("Value error, ")
    for name, field in settings_type.model_fields.items():
        variable = _variable(name, field)
        if location.lower() in {name.lower(), variable.lower()}:
            value = os.environ.get(variable) if field.repr else None
            return Fault(variable, value, f"{expected}. {field.description or ''}".rstrip())
    return Fault(location or "The variables together", None, expected)
