"""The embedded NATS has the users of the compose setup, from the same file."""

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest
from webjobs_stack.nats_config import SOURCE, NatsLogins, password_file, server_config

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "deploy" / "nats" / "nats-server.conf"


def users_of(text: str) -> set[str]:
    return set(re.findall(r"user: (\w+)", text))


def written_for(logins: NatsLogins) -> str:
    """What the server reads: the passwords, and the configuration that includes them."""
    with open(password_file(logins), "rb") as passwords:
        passwords.seek(0)
        return passwords.read().decode() + server_config({}, passwords.fileno())


def test_no_password_is_in_the_configuration_file() -> None:
    logins = NatsLogins()
    passwords = password_file(logins)
    written = server_config({}, passwords)
    os.close(passwords)
    assert not [user.name for user in fields(logins) if getattr(logins, user.name) in written]


def test_both_setups_have_the_same_users_and_permissions() -> None:
    assert SOURCE.read_text() == COMPOSE.read_text()
    written = written_for(NatsLogins())
    assert users_of(written) == users_of(COMPOSE.read_text()) | {"operator"}
    permissions = COMPOSE.read_text().partition("  users: [\n")[2]
    assert permissions
    assert written.endswith(permissions)


def test_every_user_has_a_password_of_its_own_and_no_variable_is_left() -> None:
    logins = NatsLogins()
    passwords = {getattr(logins, user.name) for user in fields(logins)}
    assert len(passwords) == 5
    written = written_for(logins)
    assert set(re.findall(r"\$(NATS_\w+)", written)) == set(re.findall(r"^(NATS_\w+): ", written, re.M))
    assert set(re.findall(r'^NATS_\w+: "([^"]*)"', written, re.M)) == passwords


def test_passwords_are_new_each_time_and_in_no_representation() -> None:
    first, second = NatsLogins(), NatsLogins()
    assert first.api != second.api
    assert first.api not in repr(first)


@pytest.mark.parametrize("namespace", ["acme", "a1"])
def test_permissions_are_those_of_the_namespace(namespace: str) -> None:
    written = server_config({}, 9, namespace)
    text = "".join(re.findall(r'"[^"]*"', written))
    assert f"{namespace}.events.>" in text
    assert f"$KV.{namespace.upper()}_SETTINGS.>" in text
    assert f"$JS.API.STREAM.CREATE.OBJ_{namespace.upper()}_PACKAGES" in text
    assert not re.search(r"webjobs\.|WEBJOBS_", text)


def test_without_logins_there_are_no_users() -> None:
    assert "users" not in server_config({"listen": "127.0.0.1:1"}, None)
