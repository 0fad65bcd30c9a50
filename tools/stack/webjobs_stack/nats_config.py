"""Writes the configuration of the embedded NATS: our settings, and the users of deploy/nats/nats-server.conf.

The users and their permissions have one source, which the compose setup uses as it is. A copy of it is part
of this package.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("nats-server.conf")
NAMESPACE = "webjobs"
"""Namespace of the subjects and streams in the source."""
_AUTHORIZATION = "authorization {"
_USERS = "  users: [\n"
# Paths of included files begin at the folder of the configuration: so many levels up are the root for any.
_FROM_THE_ROOT = "../" * 2048


def _password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class NatsLogins:
    """The passwords of the embedded server's users, random and new for each start of a stack."""

    operator: str = field(default_factory=_password, repr=False)
    """May do everything."""
    api: str = field(default_factory=_password, repr=False)
    runner: str = field(default_factory=_password, repr=False)
    history: str = field(default_factory=_password, repr=False)
    subscriber: str = field(default_factory=_password, repr=False)
    """No client needs it: a connection without a login is this user."""

    def url(self, user: str, host: str, port: int) -> str:
        """The address of the server for one of the users."""
        return f"nats://{user}:{getattr(self, user)}@{host}:{port}"


def password_file(logins: NatsLogins) -> int:
    """A descriptor with the passwords as definitions for the configuration; it lies in memory only."""
    descriptor = os.memfd_create("passwords")
    definitions = [
        f"{_variable(user.name)}: {json.dumps(getattr(logins, user.name))}" for user in fields(logins)
    ]
    os.write(descriptor, ("\n".join(definitions) + "\n").encode())
    return descriptor


def server_config(
    settings: Mapping[str, Any],
    passwords: int | None,
    namespace: str = NAMESPACE,
    source: str | None = None,
) -> str:
    """The text of nats-server's configuration file. It holds no password, so it may lie on the disk.

    Args:
        settings: What is not about users, in the shape of the configuration file.
        passwords: A descriptor of `password_file` that the server inherits; None for a server that asks for
            no login and permits everything.
        namespace: First word of the subjects that the users may use.
        source: Text of deploy/nats/nats-server.conf; by default the copy in this package.
    """
    if passwords is None:
        return json.dumps(settings, indent=2) + "\n"
    # A name that the configuration itself defines stands in for the variable of the environment.
    lines = [
        f'include "{_FROM_THE_ROOT}proc/self/fd/{passwords}"',
        *(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in settings.items()),
        "no_auth_user: subscriber",
    ]
    return "\n".join([*lines, _authorization(source or SOURCE.read_text(), namespace)])


def _variable(user: str) -> str:
    return f"NATS_{user.upper()}_PASSWORD"


def _authorization(source: str, namespace: str) -> str:
    """The part of the source about users, for a namespace, and with the operator."""
    _, opening, users = source.partition(_AUTHORIZATION + "\n" + _USERS)
    assert opening, f"the source has no part that begins with {_AUTHORIZATION!r}"
    operator = f"    {{ user: operator, password: ${_variable('operator')} }}\n"
    return opening + operator + _in_namespace(users, namespace)


def _in_namespace(text: str, namespace: str) -> str:
    text = re.sub(rf"\b{NAMESPACE}\.", f"{namespace}.", text)
    return re.sub(rf"(?<![A-Z]){NAMESPACE.upper()}_", f"{namespace.upper()}_", text)
