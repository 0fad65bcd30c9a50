"""Who may ask: users by HTTP Basic or session when there are any, else this machine; never a foreign page."""

from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from webjobs_api.http import request_context
from webjobs_api.http.access_errors import (
    CredentialsWanted,
    ForeignHost,
    ForeignOrigin,
    InvalidHost,
    SessionWanted,
    SiteUnknown,
)
from webjobs_api.http.browsers import asks_for_page, is_script_of_page, page_before
from webjobs_api.http.cors import is_change_allowed, is_origin_allowed
from webjobs_api.http.logins import Logins, basic_credentials
from webjobs_api.http.loopback import is_host, is_loopback, without_port
from webjobs_api.http.requester import REQUESTER, UNNAMED, Requester
from webjobs_api.http.session_cookie import has_cookie, session_of
from webjobs_api.http.sessions import next_path

_OPEN_PATHS = frozenset({"/healthz", "/healthz/"})
_LOGIN_PATHS = frozenset({"/login", "/login/", "/logout", "/logout/"})
_ASSETS = "/assets/"  # the login form has a stylesheet
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def access_guard(logins: Logins) -> Middleware:
    """A middleware that lets through who may ask; `/healthz`, the login and files of pages are open."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            host = request.headers.get("Host", "")
            if not is_host(host):
                raise InvalidHost(host)
            if logins.are_needed:
                if request.path not in _LOGIN_PATHS and not request.path.startswith(_ASSETS):
                    request[REQUESTER] = await _requester(request, logins)
            elif host and not is_loopback(without_port(host)):
                # A foreign host name that leads here: its pages would be same-origin with us.
                raise ForeignHost(host)
            else:
                request[REQUESTER] = UNNAMED
            if request.method not in _READING:
                refuse_page_of_another_site(request)
        return await handler(request)

    return guard


async def _requester(request: web.Request, logins: Logins) -> Requester:
    """Who asks.

    Raises:
        CredentialsWanted: A program has no credentials, or they are wrong.
        SessionWanted: A script of a page has no session.
        HTTPSeeOther: A browser wants to show a page and has no session: to the login form.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        client = request_context.public_address(request).client
        login = await logins.with_password(client, basic_credentials(authorization))
        return login.requester
    requester = session_of(request)
    if requester is not None:
        return requester
    if asks_for_page(request.path, request.headers):
        raise _to_login(request)
    base = request_context.base(request)
    if not is_origin_allowed(request) and (has_cookie(request) or is_script_of_page(request.headers, base)):
        raise SessionWanted
    raise CredentialsWanted


def _to_login(request: web.Request) -> web.HTTPSeeOther:
    """The way to the login form, and from there to the page asked for, or to the one with the form sent."""
    if request.method in _READING:
        wanted = str(request.rel_url)
    else:
        wanted = page_before(request.headers.get("Referer", ""), request_context.base(request))
    location = f"{request_context.root(request)}/login?next={quote(next_path(wanted), safe='/')}"
    return web.HTTPSeeOther(location, headers={"Cache-Control": "no-store"})


def refuse_page_of_another_site(request: web.Request) -> None:
    """Fail for a request that a page of another site makes a browser send.

    Raises:
        ForeignOrigin: The page is not one of ours.
        SiteUnknown: The request has a session, which any page may make use of, and does not name its page.
    """
    if is_change_allowed(request):
        return
    origin, fetch_site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is None and fetch_site is None and request_context.requester(request).has_session:
        raise SiteUnknown
    own = request_context.public_address(request)
    refuse_foreign_page(origin_of(own.scheme, own.host), origin, fetch_site)


def refuse_foreign_page(own: str, origin: str | None, fetch_site: str | None) -> None:
    """Fail for a page of another site.

    Browsers name the page's site in Sec-Fetch-Site, older ones in Origin; other clients send neither.

    Args:
        own: Our own origin.
        origin: Value of Origin.
        fetch_site: Value of Sec-Fetch-Site.

    Raises:
        ForeignOrigin: The page is not one of ours.
    """
    if fetch_site is not None:
        if fetch_site not in _OWN_SITE:
            raise ForeignOrigin(origin or fetch_site)
    elif origin is not None and origin.lower() != own:
        raise ForeignOrigin(origin)


def origin_of(scheme: str, host: str) -> str:
    """Returns the origin of pages of this host as browsers write it: in lower case, without a usual port."""
    return f"{scheme}://{host.lower().removesuffix(_USUAL_PORTS[scheme])}"
