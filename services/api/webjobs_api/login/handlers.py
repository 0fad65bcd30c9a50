"""The login form, and the begin and end of a browser's session."""

from http import HTTPStatus

from aiohttp import web

from webjobs_api.http import request_context
from webjobs_api.http.access_errors import CredentialsWanted, TooManyWrongPasswords
from webjobs_api.http.assets import asset_path
from webjobs_api.http.logins import LOGINS
from webjobs_api.http.page_policy import new_nonce, page_policy
from webjobs_api.http.request_errors import FormTooLarge
from webjobs_api.http.session_cookie import begin_session, end_session
from webjobs_api.http.sessions import next_path
from webjobs_api.http.templates import render
from webjobs_api.login.form import MAX_BODY_BYTES, login_form_of

_WRONG = "The name or the password is wrong."


async def show_form(request: web.Request) -> web.Response:
    """`GET /login`: the form; without credentials there is nothing to sign in to."""
    if not request.app[LOGINS].are_needed:
        raise _to(request, "/")
    return _form(request, next_path(request.query.get("next", "")))


async def sign_in(request: web.Request) -> web.Response:
    """`POST /login`: a session, and the page that was asked for; or the form again."""
    body = await request_context.read_at_most(request, MAX_BODY_BYTES)
    if body is None:
        raise FormTooLarge(MAX_BODY_BYTES)
    form = login_form_of(request.content_type, body)
    logins, wanted = request.app[LOGINS], next_path(form.next)
    if not logins.are_needed:
        raise _to(request, "/")
    client = request_context.public_address(request).client
    try:
        login = await logins.with_password(client, form.credentials)
    except CredentialsWanted:
        return _form(request, wanted, HTTPStatus.UNAUTHORIZED, _WRONG)
    except TooManyWrongPasswords as error:
        return _form(request, wanted, HTTPStatus.TOO_MANY_REQUESTS, str(error))
    response = _to(request, wanted)
    begin_session(request, response, login)
    raise response


async def sign_out(request: web.Request) -> web.Response:
    """`POST /logout`: remove the session from this browser."""
    response = _to(request, "/login")
    end_session(request, response)
    raise response


def _form(
    request: web.Request, wanted: str, status: HTTPStatus = HTTPStatus.OK, error: str = ""
) -> web.Response:
    nonce = new_nonce()
    context = {
        "nonce": nonce,
        "root": request_context.root(request),
        "asset": asset_path,
        "next": wanted,
        "error": error,
    }
    return render("outside/login.html", context, page_policy(nonce), status)


def _to(request: web.Request, path: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"{request_context.root(request)}{path}", headers={"Cache-Control": "no-store"})
