"""`GET /docs`: the document as a page to read, and to try each route from."""

import secrets

from aiohttp import web

from webjobs_api.http import request_context
from webjobs_api.http.templates import render

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


async def show_page(request: web.Request) -> web.Response:
    """`GET /docs`: everything on it comes from here."""
    nonce = secrets.token_urlsafe(16)
    context = {"nonce": nonce, "root": request_context.root(request)}
    return render("docs.html", context, _POLICY.format(nonce=nonce))
