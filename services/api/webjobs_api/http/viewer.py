"""What a viewer may do and see: everything but changes and secrets."""

from typing import TypeVar

from aiohttp import web
from msgspec.structs import replace
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import with_env_redacted

from webjobs_api.http import request_context
from webjobs_api.http.access_errors import ViewerRefused

D = TypeVar("D", bound=JobDefinition)


def refuse_viewer(request: web.Request, why: str) -> None:
    """Fail for a viewer.

    Args:
        request: What the user asks for.
        why: The reason, after "The user is a viewer:".

    Raises:
        ViewerRefused: The user is one.
    """
    requester = request_context.requester(request)
    if requester.is_viewer:
        raise ViewerRefused(requester.name, why)


def visible(request: web.Request, definition: D) -> D:
    """A job as the user may see it: for a viewer without the values of `env` in its settings."""
    if not request_context.requester(request).is_viewer:
        return definition
    return replace(definition, settings=with_env_redacted(definition.settings))
