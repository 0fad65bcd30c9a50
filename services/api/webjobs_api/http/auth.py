"""Who may ask: HTTP Basic when credentials are set, this machine only when not, and no foreign page ever."""

import base64
import binascii
import hmac
from collections.abc import Set
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from webjobs_api.http import request_context
from webjobs_api.http.access_errors import CredentialsWanted, ForeignHost, ForeignOrigin, InvalidHost
from webjobs_api.http.cors import is_change_allowed
from webjobs_api.http.failed_logins import FailedLogins
from webjobs_api.http.http_settings import HttpSettings
from webjobs_api.http.loopback import is_host, is_loopback, without_port

_OPEN_PATHS = frozenset({"/healthz", "/healthz/"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})


def access_guard(settings: HttpSettings) -> Middleware:
    """A middleware that lets through who may ask; `/healthz` is open to everybody."""
    expected, failed_logins = _expected(settings), FailedLogins()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            headers = request.headers
            host = headers.get("Host", "")
            if not is_host(host):
                raise InvalidHost(host)
            if expected is not None:
                authorization = headers.get("Authorization")
                if authorization is None:
                    raise CredentialsWanted
                given = partial(has_credentials, authorization, expected)
                await failed_logins.check(request_context.public_address(request).client, given)
            elif host and not is_loopback(without_port(host)):
                # A foreign host name that leads here: its pages would be same-origin with us.
                raise ForeignHost(host)
            if request.method not in _READING:
                refuse_page_of_another_site(request)
        return await handler(request)

    return guard


def has_credentials(authorization: str, expected: bytes) -> bool:
    """Whether an Authorization header holds `expected`, which is `name:password`; in constant time."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, expected)


def refuse_page_of_another_site(request: web.Request) -> None:
    """Fail for a request that a page of another site makes a browser send.

    Raises:
        ForeignOrigin: The page is not one of ours.
    """
    if is_change_allowed(request):
        return
    headers = request.headers
    hosts = {headers.get("Host", "").lower(), request_context.public_address(request).host.lower()}
    refuse_foreign_page(hosts, headers.get("Origin"), headers.get("Sec-Fetch-Site"))


def refuse_foreign_page(hosts: Set[str], origin: str | None, fetch_site: str | None) -> None:
    """Fail for a page of another site.

    Browsers name the page's site in Sec-Fetch-Site, older ones in Origin; other clients send neither.

    Args:
        hosts: Our own, in lower case.
        origin: Value of Origin.
        fetch_site: Value of Sec-Fetch-Site.

    Raises:
        ForeignOrigin: The page is not one of ours.
    """
    if fetch_site is not None:
        if fetch_site not in _OWN_SITE:
            raise ForeignOrigin(origin or fetch_site)
    elif origin is not None and _host_of(origin) not in hosts:
        raise ForeignOrigin(origin)


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # no address at all
        return None


def _expected(settings: HttpSettings) -> bytes | None:
    if settings.username is None or settings.password is None:
        return None
    return f"{settings.username}:{settings.password.get_secret_value()}".encode()
