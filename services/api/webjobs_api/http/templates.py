"""Pages for people, rendered from the templates of this package."""

from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
from aiohttp import web

from webjobs_api.http.error_responses import headers_of

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("webjobs_api"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def render(template: str, context: Mapping[str, Any], policy: str, status: int = 200) -> web.Response:
    """Returns a page as a response; `policy` is its Content-Security-Policy."""
    return render_parts([template], context, policy, status)


def render_parts(
    templates: Iterable[str], context: Mapping[str, Any], policy: str, status: int = 200
) -> web.Response:
    """Returns several templates one after the other as a response."""
    text = "\n".join(_ENVIRONMENT.get_template(each).render(context) for each in templates)
    headers = _HEADERS | {"Content-Security-Policy": policy} | dict(headers_of(status))
    return web.Response(text=text, status=status, headers=headers, content_type="text/html", charset="utf-8")
