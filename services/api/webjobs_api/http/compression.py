"""Answers of more than 1 KB of JSON or text as gzip, for clients that take it.

Only answers that are whole in memory: streams, logs and files go as they are, so that ranges and offsets
count bytes of the file. No answer has a secret beside text that a page of another site could choose, which is
what guessing a secret by the length of compressed answers needs.
"""

import asyncio
import re
import zlib

from aiohttp import web
from aiohttp.typedefs import Handler

from webjobs_api.http.vary import add_vary

_SMALLEST = 1024  # bytes; a smaller answer gains nothing
_IN_PLACE = 32 * 1024  # bytes; a larger answer is compressed in a thread
_LEVEL = 3  # a third of the time that the usual 6 takes, for 5 % more bytes
_GZIP = 31  # window bits, with a header of gzip
_TEXT = re.compile(r"text/.+|application/(?:.+\+)?(?:json|xml)|application/(?:javascript|yaml)")
_CODING = re.compile(r"\s*([\w.*-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


@web.middleware
async def compression_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress what the handler returns, if that is allowed and worth it."""
    response = await handler(request)
    if not isinstance(response, web.Response) or response.prepared:
        return response
    if response.status == 304:
        add_vary(response, "Accept-Encoding")
    elif (body := _compressible(response)) is not None:
        add_vary(response, "Accept-Encoding")
        if takes_gzip(request.headers.get("Accept-Encoding", "")):
            await _compress(response, body)
    return response


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header takes gzip: by name, else by `*`."""
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        match = _CODING.fullmatch(part)
        if match is not None:
            weights[match[1].lower()] = float(match[2] or 1)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _compressible(response: web.Response) -> bytes | None:
    """The body, if it is worth compressing."""
    body, headers = response.body, response.headers
    if not isinstance(body, bytes | bytearray) or len(body) <= _SMALLEST:
        return None
    if "Content-Encoding" in headers or "Accept-Ranges" in headers or "Content-Range" in headers:
        return None
    return bytes(body) if _TEXT.fullmatch(response.content_type) else None


async def _compress(response: web.Response, body: bytes) -> None:
    if len(body) <= _IN_PLACE:
        response.body = _gzip(body)
    else:
        response.body = await asyncio.to_thread(_gzip, body)
    response.headers["Content-Encoding"] = "gzip"
    tag = response.headers.get("ETag")
    if tag is not None and not tag.startswith("W/"):  # the same content, but no longer the same bytes
        response.headers["ETag"] = f"W/{tag}"


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, wbits=_GZIP)
