"""What every handler takes from a request and gives as an answer."""

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import with_env_redacted
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.job_warnings import HEADER, header_values

from webjobs_api.http import arm
from webjobs_api.http.body_encoding import decoded, is_plain
from webjobs_api.http.dialects import LEGACY, Dialect, Responses, dialect_of
from webjobs_api.http.entity_tags import entity_tag
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.public_address import FORWARDED_HEADERS, Peer, PublicAddress, parse_proxies
from webjobs_api.http.public_address import public_address as address_of
from webjobs_api.http.request_errors import InvalidFlag
from webjobs_api.http.requester import REQUESTER, UNNAMED, Requester
from webjobs_api.http.requests import requested_by, requested_on_page
from webjobs_api.http.upload_errors import EncodedUpload, UploadTooLarge
from webjobs_api.http.urls import Urls

MAX_BODY_BYTES = 1024 * 1024
"""Of a body that has no other limit."""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}

_PAGES = "/pages/"

_KEPT_BODY = web.RequestKey("kept_body", bytes)

_PUBLIC_ADDRESS = web.RequestKey("public_address", PublicAddress)

_encoder = msgspec.json.Encoder()


def job_name(request: web.Request) -> JobName:
    """The job that the address names.

    Raises:
        InvalidJobName: No job can have this name.
    """
    return parse_job_name(request.match_info["job"])


def job_type(request: web.Request) -> JobType:
    """The type that the address names, where it names one."""
    return JobType(request.match_info["type"])


def dialect(request: web.Request) -> Dialect:
    """How this client speaks."""
    return dialect_of(request.path)


def responses(request: web.Request) -> Responses:
    """How answers to this client are written."""
    return dialect(request).responses


def urls(request: web.Request) -> Urls:
    """Addresses as this client reaches them, in its dialect."""
    return dialect(request).urls(base(request))


def base(request: web.Request) -> str:
    """What every URL of this api begins with, as this client reaches it."""
    return public_address(request).base


def root(request: web.Request) -> str:
    """Path of this api as this client reaches it, before which a page puts its own links; often empty."""
    return public_address(request).prefix


def public_address(request: web.Request) -> PublicAddress:
    """How this client reaches the api, and the client's own address."""
    known = request.get(_PUBLIC_ADDRESS)
    if known is None:
        known = request[_PUBLIC_ADDRESS] = address_of(
            Peer(request.remote or "", request.scheme, _host(request)),
            {name: request.headers.getall(name, ()) for name in FORWARDED_HEADERS},
            request.forwarded if "Forwarded" in request.headers else (),
            parse_proxies(request.app[SETTINGS].trusted_proxies),
        )
    return known


def requester(request: web.Request) -> Requester:
    """Who asked: the name and the role of the user."""
    return UNNAMED if (known := request.get(REQUESTER)) is None else known


def trigger(request: web.Request) -> str:
    """Returns the text by which commands and runs name the person on a page, or the client, behind them."""
    if request.path.startswith(_PAGES):
        return requested_on_page(requester(request).name)
    return requested_by(request.headers.get("User-Agent"))


def _host(request: web.Request) -> str:
    host = request.headers.get("Host")
    if host is not None:
        return host
    address = request.transport.get_extra_info("sockname") if request.transport else None  # of HTTP/1.0
    return f"{address[0]}:{address[1]}" if address else "localhost"


def is_set(request: web.Request, name: str) -> bool:
    """Returns whether a query parameter is true: `?name=true` or `?name=1`; false by default.

    Raises:
        InvalidFlag: It says something else.
    """
    value = request.query.get(name, "false")
    answer = _FLAGS.get(value.lower())
    if answer is None:
        raise InvalidFlag(name, value)
    return answer


def is_arm(request: web.Request) -> bool:
    """Whether the request comes through Azure Resource Manager, which wants its envelope."""
    return arm.GEO_HEADER in request.headers and dialect(request) is not LEGACY


def enveloped(request: web.Request, answer: Any) -> Any:
    """The answer as it is, or in ARM's envelope."""
    if not is_arm(request):
        return answer
    resource_id = arm.resource_id(request.headers.get("Referer", ""), request.path)
    return arm.enveloped(answer, resource_id, arm.location(request.headers[arm.GEO_HEADER]))


def show(request: web.Request, answer: Any, beside: Any = None) -> web.Response:
    """An answer as JSON with its ETag, for ARM in its envelope; 304 when the client has it already.

    Args:
        request: What is answered.
        answer: A struct, or a list of structs that have a name.
        beside: What the ETag depends on too, though this answer does not show it.
    """
    if requester(request).is_viewer:
        beside = with_env_redacted(beside)  # a hash of a value lets guesses be tested
    tag = entity_tag(answer, [beside, is_arm(request)])
    if any(given.value in (tag, "*") for given in request.if_none_match or ()):
        response = web.Response(status=304)
    else:
        response = json(enveloped(request, answer))
    response.headers["ETag"] = f'W/"{tag}"'  # aiohttp would spell it Etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def warned(response: web.Response, definition: JobDefinition) -> web.Response:
    """The answer with a header for each warning about a job."""
    return with_warnings(response, definition.all_warnings)


def with_warnings(response: web.Response, warnings: Iterable[str]) -> web.Response:
    """The answer with a header for each warning."""
    for value in header_values(warnings):
        response.headers.add(HEADER, value)
    return response


async def read_body(request: web.Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body of a request, decoded as its Content-Encoding says.

    Raises: As `read_at_most`.
        UploadTooLarge: It is longer than `limit` bytes.
    """
    body = await read_at_most(request, limit)
    if body is None:
        raise UploadTooLarge(limit)
    return body


async def keep_body(request: web.Request) -> bytes:
    """The body of a request as it came, however long; `read_at_most` finds it after this too."""
    request[_KEPT_BODY] = await request.content.read()
    return request[_KEPT_BODY]


async def read_at_most(request: web.Request, limit: int) -> bytes | None:
    """The same, but None for a body that is longer than `limit` bytes, of which no more is read or decoded.

    Raises:
        UnknownEncoding: It has a Content-Encoding that is not read.
        BrokenEncoding: It is not what its Content-Encoding says.
    """
    if (request.content_length or 0) > limit:
        return None
    if (kept := request.get(_KEPT_BODY)) is not None:
        return decoded(kept, _encoding(request), limit)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return decoded(bytes(body), _encoding(request), limit)


def refuse_encoded_body(request: web.Request) -> None:
    """Take files as they are only: they are neither decoded nor stored compressed.

    Raises:
        EncodedUpload: The body has a Content-Encoding.
    """
    encoding = _encoding(request)
    if not is_plain(encoding):
        raise EncodedUpload(encoding)


def _encoding(request: web.Request) -> str:
    return ", ".join(request.headers.getall("Content-Encoding", ()))


def json(answer: object) -> web.Response:
    """An answer as JSON."""
    return web.Response(body=_encoder.encode(answer), content_type="application/json", charset="utf-8")
