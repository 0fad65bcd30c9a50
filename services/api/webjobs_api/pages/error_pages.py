"""Errors as pages, for browsers that show the answer to a request; programs get plain text."""

from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_rules.errors import WebJobsError

from webjobs_api.http.browsers import asks_for_page
from webjobs_api.http.error_responses import help_of, logged_status
from webjobs_api.pages.errors import AddressUnknown
from webjobs_api.pages.frame import show_fault


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an error into a page for a browser; after the login, for a page shows the state of the site."""
    try:
        return await handler(request)
    except WebJobsError as error:
        if not asks_for_page(request.path, request.headers):
            raise
        logged_status(request, error)
        return show_fault(request, error)
    except web.HTTPNotFound as error:
        if not asks_for_page(request.path, request.headers):
            raise
        return show_fault(request, AddressUnknown(help_of(request, error)))
