"""The address of an api and the credentials for it; pure."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from webjobs_client.errors import InvalidRequest

DEFAULT_URL = "http://127.0.0.1:8080"
_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """Where an api is.

    Attributes:
        scheme: `http` or `https`.
        host: Name or number, without brackets.
        port: Always given.
        prefix: Path of the api below the host, without a slash at its end.
        authorization: Value of the header; None without credentials. Not for any text.
    """

    scheme: str
    host: str
    port: int
    prefix: str
    authorization: str | None = None

    @property
    def url(self) -> str:
        """The address without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def address_of(
    url: str | None, username: str | None, password: str | None, environment: Mapping[str, str]
) -> Address:
    """Returns the address that a client is made with.

    Without a url it is `WEBJOBS_URL`, and the credentials `WEBJOBS_USERNAME` and `WEBJOBS_PASSWORD`:
    those are never sent to an address that is given otherwise.

    Raises:
        InvalidRequest: The url is none.
    """
    if url is None:
        url = environment.get("WEBJOBS_URL") or DEFAULT_URL
        if username is None and password is None:
            username, password = environment.get("WEBJOBS_USERNAME"), environment.get("WEBJOBS_PASSWORD")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # its text may hold a part of the url, which may hold a password
        raise _invalid("the host or the port cannot be read") from error
    if parts.scheme not in _PORTS or not host:
        raise _invalid("it does not begin with http:// or https:// and a host")
    if parts.query or parts.fragment:
        raise _invalid("it has a query or a fragment")
    if username is None and password is None and parts.username is not None:
        username, password = unquote(parts.username), unquote(parts.password or "")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=_PORTS[parts.scheme] if port is None else port,
        prefix=parts.path.rstrip("/"),
        authorization=_basic(username or "", password or "") if username or password else None,
    )


def _basic(username: str, password: str) -> str:
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode('ascii')}"


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The address of webjobs cannot be used: {reason}.",
        f"Give one such as {DEFAULT_URL}, or with a path: https://jobs.example.com/webjobs.",
    )
