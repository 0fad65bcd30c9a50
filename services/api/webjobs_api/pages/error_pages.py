"""Errors as pages, for browsers that show the answer to a request; programs get plain text."""

from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_rules.errors import WebJobsError

from webjobs_api.http import request_context
from webjobs_api.http.assets import asset_path
from webjobs_api.http.browsers import asks_for_page
from webjobs_api.http.error_responses import error_answer, status_of
from webjobs_api.http.page_policy import new_nonce, page_policy
from webjobs_api.http.requester import REQUESTER
from webjobs_api.http.templates import render
from webjobs_api.pages.errors import HttpFault
from webjobs_api.pages.fault_words import fault_words
from webjobs_api.pages.frame import show_fault

_OF_THE_BODY = frozenset({"CONTENT-TYPE", "CONTENT-LENGTH", "CONTENT-ENCODING"})


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an error, raised or sent as plain text, into a page for a browser."""
    if request.method == "OPTIONS" or not asks_for_page(request.path, request.headers):
        return await handler(request)
    try:
        response = await handler(request)
    except Exception as error:
        answer = error_answer(request, error)
        if answer is None:
            raise
        return _page(request, HttpFault(answer.status, answer.text, answer.headers))
    if isinstance(response, web.Response) and _is_plain_error(response):
        headers = {
            name: value for name, value in response.headers.items() if name.upper() not in _OF_THE_BODY
        }
        return _page(request, HttpFault(response.status, response.text or "", headers))
    return response


def _is_plain_error(response: web.Response) -> bool:
    return response.status >= 400 and response.content_type == "text/plain" and not response.prepared


def _page(request: web.Request, fault: HttpFault) -> web.Response:
    is_admitted = REQUESTER in request
    page = show_fault(request, fault) if is_admitted else _show_outside(request, fault)
    page.headers.update(fault.http_headers)
    return page


def _show_outside(request: web.Request, fault: WebJobsError) -> web.Response:
    """The same without anything about the site, for a client that the guard did not let in."""
    nonce, status = new_nonce(), status_of(fault)
    context = {
        "nonce": nonce,
        "root": request_context.root(request),
        "asset": asset_path,
        "fault": str(fault),
        "words": fault_words(status),
    }
    return render("outside/fault.html", context, page_policy(nonce), status)
