"""Pages for people, rendered from the templates of this package."""

from collections.abc import Mapping
from typing import Any

import jinja2
from aiohttp import web

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("webjobs_api"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(
    template: str, context: Mapping[str, Any], headers: Mapping[str, str], status: int = 200
) -> web.Response:
    """Returns a page as a response."""
    text = _ENVIRONMENT.get_template(template).render(context)
    return web.Response(text=text, status=status, headers=headers, content_type="text/html", charset="utf-8")
