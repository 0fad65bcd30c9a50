"""The fields of a page's form, and what it proposes for them."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.request_errors import FormTooLarge, InvalidForm

TYPED = web.RequestKey("typed", Mapping)
"""The fields that the request sent: what a person typed, for the page that says why it was not taken."""

_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 1024 * 1024
_MOST_FIELDS = 20
_MOST_VALUES = 2000  # of a list whose rows are checked
_MOST_JOBS = 500


def proposed_jobs(request: web.Request) -> list[JobName]:
    """The names of jobs that a form proposes: the first of all, by name."""
    known = request.app[DEFINITIONS]
    return sorted({each.job_name for job_type in JobType for each in known.all_of(job_type)})[:_MOST_JOBS]


async def form_fields(request: web.Request, most_bytes: int = _MOST_BYTES) -> Mapping[str, str]:
    """The fields of the form in the body, of a repeated one the last; the request keeps them as `TYPED`.

    Raises:
        FormTooLarge: It is longer than `most_bytes`.
        InvalidForm: The body is no form.
        UnknownEncoding, BrokenEncoding: It is compressed, and not as it should be.
    """
    request[TYPED] = dict(await _pairs(request, _MOST_FIELDS, most_bytes))
    return request[TYPED]


async def form_lists(request: web.Request) -> Mapping[str, list[str]]:
    """The fields of the form in the body, each with all of its values.

    Raises:
        FormTooLarge, InvalidForm, UnknownEncoding, BrokenEncoding: As `form_fields`.
    """
    lists: dict[str, list[str]] = {}
    for name, value in await _pairs(request, _MOST_VALUES):
        lists.setdefault(name, []).append(value)
    return lists


async def _pairs(request: web.Request, most: int, most_bytes: int = _MOST_BYTES) -> list[tuple[str, str]]:
    body = await request_context.read_at_most(request, most_bytes)
    if body is None:
        raise FormTooLarge(most_bytes)
    if body.strip() and request.content_type != _FORM:
        raise InvalidForm(f"its Content-Type is {request.content_type[:100]}, and {_FORM} is wanted")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError as error:
        raise InvalidForm("it is not UTF-8 text, or has too many fields") from error
