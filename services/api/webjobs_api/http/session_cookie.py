"""The session cookie of a request, and how a response sets or removes it."""

import time

from aiohttp import web

from webjobs_api.http import request_context
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.logins import LOGINS, Login
from webjobs_api.http.requester import Requester
from webjobs_api.http.sessions import LIFETIME_SECONDS, cookie_name, cookie_path


def session_of(request: web.Request) -> Requester | None:
    """Returns the user whose session the request's cookie names; None without a valid one."""
    value = request.cookies.get(_name(request))
    return request.app[LOGINS].of_session(value) if value is not None else None


def has_cookie(request: web.Request) -> bool:
    """Whether the request has our cookie, valid or not."""
    return _name(request) in request.cookies


def begin_session(request: web.Request, response: web.StreamResponse, login: Login) -> None:
    """Let the response set the cookie of a new session."""
    address = request_context.public_address(request)
    response.set_cookie(
        _name(request),
        login.signer.sign(time.time()),
        max_age=LIFETIME_SECONDS,
        path=cookie_path(address.prefix),
        secure=address.scheme == "https",
        httponly=True,
        samesite="Lax",
    )


def end_session(request: web.Request, response: web.StreamResponse) -> None:
    """Let the response remove the cookie."""
    address = request_context.public_address(request)
    response.del_cookie(
        _name(request),
        path=cookie_path(address.prefix),
        secure=address.scheme == "https",
        httponly=True,
        samesite="Lax",
    )


def _name(request: web.Request) -> str:
    address = request_context.public_address(request)
    return cookie_name(request.app[SETTINGS].namespace, address.host, address.prefix)
