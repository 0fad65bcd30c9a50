"""The servers and the login in an address of NATS."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Servers(NamedTuple):
    """Servers of one cluster, and the one login for all of them.

    The login is apart from the addresses, because the client also goes on to servers that the cluster names,
    and those names have no login.
    """

    addresses: list[str]
    user: str | None
    password: str | None
    token: str | None


def parse_servers(url: str) -> Servers:
    """Splits `nats://[user:password@]host:port`, several comma-separated.

    The first login counts for all servers; a user without a password is a token.
    """
    addresses: list[str] = []
    login: tuple[str, str | None] | None = None
    for address in url.split(","):
        parts = urlsplit(address.strip())
        addresses.append(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
        if login is None and parts.username is not None:
            login = unquote(parts.username), None if parts.password is None else unquote(parts.password)
    if login is None:
        return Servers(addresses, None, None, None)
    user, password = login
    return (
        Servers(addresses, None, None, user) if password is None else Servers(addresses, user, password, None)
    )
