"""`GET /docs`: the document as a page to read, and to try each route from."""

from aiohttp import web

from webjobs_api.pages.frame import show
from webjobs_api.pages.page import Page

_PAGE = Page(template="docs", title="API", section="api")


async def show_page(request: web.Request) -> web.Response:
    """`GET /docs`: everything on it comes from here."""
    return show(request, _PAGE, {})
