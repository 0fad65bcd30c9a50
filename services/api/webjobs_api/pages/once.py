"""A form of a page is carried out once, however often a browser sends it: docs/decisions/0063.

Each page that is rendered has a key, which its forms send back. The first request with a key and a content
does the work; another one gets its answer: at once after a double click, and for as long as an answer that
is a page of its own can be loaded again.
"""

import asyncio
import gzip
import hashlib
import re
import secrets
from collections.abc import Mapping
from functools import wraps
from typing import Self

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_events.errors import MALFORMED, BusUnavailable, MessageTooLarge, RevisionConflict
from webjobs_events.jetstream import Bus
from webjobs_service.lifetime import cancel_all

from webjobs_api.http import request_context
from webjobs_api.pages.errors import FormSentBefore, FormUnderWay

log = structlog.stdlib.get_logger(__name__)

PARAMETER = "_once"
"""The query parameter that has the key of the page behind a form."""

REDIRECT_SECONDS = 10
"""How long an answer that leads to another page is repeated; later the same form is meant to do it again."""

PAGE_SECONDS = 48 * 3600
"""How long an answer that is a page itself is repeated: its address is that of the form, for any reload."""

_WORK_SECONDS = 120  # until the work of an api that died with it is not waited for any more
_PATIENCE = 30.0  # seconds that a repetition waits for the answer
_POLL = 0.1  # seconds between two looks at what another api does
_MARKER_SECONDS = 60
_MOST_BYTES = 8 * 1024 * 1024  # of a form; the handlers have lower limits of their own
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_HEADERS = (
    "Content-Security-Policy",
    "Cache-Control",
    "Referrer-Policy",
    "Retry-After",
    "X-Content-Type-Options",
)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a form; `status` is 0 until it is known.

    Attributes:
        status: Of the answer.
        location: Where it leads, or empty.
        body: Of a page, as gzip.
        headers: Of a page.
    """

    status: int = 0
    location: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Sent)


def new_key() -> str:
    """A key for the forms of a page."""
    return secrets.token_urlsafe(9)


def key_of(request: web.Request) -> str:
    """The key of the page that asks for parts of itself again; a new one for a page that is loaded."""
    known = request.query.get(PARAMETER, "") if request.method in ("GET", "HEAD") else ""
    return known if _KEY.fullmatch(known) else new_key()


def once(handler: Handler) -> Handler:
    """The handler of a form, which is called once for the same form of the same page."""

    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        length = request.content_length
        if PARAMETER not in request.query or length is None or length > _MOST_BYTES:
            return await handler(request)
        body = await request_context.keep_body(request)
        asked = (request_context.requester(request).name or "", request.rel_url.raw_path_qs)
        digest = hashlib.sha256("\0".join(asked).encode("utf-8", "surrogatepass") + b"\0" + body).hexdigest()
        return await request.app[SENT_FORMS].answer(f"form.{digest}", request, handler)

    return handle


class SentForms:
    """What became of forms, kept where every api sees it."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = bus.requests
        self._going: dict[str, asyncio.Task[Sent]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancel_all(*self._going.values())

    async def answer(self, key: str, request: web.Request, handler: Handler) -> web.Response:
        """Carry out a form, or repeat what its first request was answered; goes on when the client leaves.

        Raises: As the handler; such a form may be sent again.
            FormUnderWay: It is not carried out yet.
            FormSentBefore: It was, and its answer was too large to be kept.
            BusUnavailable: NATS does not answer.
        """
        task = self._going.get(key)
        if task is None:
            task = self._going[key] = asyncio.create_task(self._sent(key, request, handler))
            task.add_done_callback(lambda done: self._forget(key, done))
        sent = await asyncio.shield(task)
        if sent.location:
            raise web.HTTPSeeOther(sent.location)
        if not sent.body:
            raise FormSentBefore
        return web.Response(status=sent.status, body=gzip.decompress(sent.body), headers=sent.headers)

    def _forget(self, key: str, done: "asyncio.Task[Sent]") -> None:
        self._going.pop(key, None)
        if not done.cancelled():
            done.exception()  # raised in those that wait, if there still are any

    async def _sent(self, key: str, request: web.Request, handler: Handler) -> Sent:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while True:
            try:
                revision = await self._bucket.create(key, _encoder.encode(Sent()), ttl=_WORK_SECONDS)
            except RevisionConflict:
                if (sent := await self._known(key)) is not None:
                    return sent
                if asyncio.get_running_loop().time() > deadline:
                    raise FormUnderWay from None
                await asyncio.sleep(_POLL)
                continue
            return await self._carry_out(key, revision, request, handler)

    async def _known(self, key: str) -> Sent | None:
        """What became of a form that another request sent; None while that is open, or when it failed."""
        entry = await self._bucket.get(key)
        if entry is None:
            return None
        try:
            sent = _decoder.decode(entry.value)
        except MALFORMED:
            log.error("what became of a form cannot be read", key=key)
            raise FormSentBefore from None
        return sent if sent.status else None

    async def _carry_out(self, key: str, revision: int, request: web.Request, handler: Handler) -> Sent:
        try:
            sent = _sent_of(await handler(request))
        except web.HTTPRedirection as led:
            sent = Sent(status=led.status, location=led.headers["Location"])
        except BaseException:
            await self._take_back(key, revision)
            raise
        if sent.status >= 400:
            await self._take_back(key, revision)
        else:
            await self._keep(key, revision, sent)
        return sent

    async def _keep(self, key: str, revision: int, sent: Sent) -> None:
        seconds = REDIRECT_SECONDS if sent.location else PAGE_SECONDS
        try:
            try:
                await self._bucket.update(key, _encoder.encode(sent), revision, ttl=seconds)
            except MessageTooLarge:
                done = Sent(status=sent.status)
                await self._bucket.update(key, _encoder.encode(done), revision, ttl=seconds)
        except (BusUnavailable, RevisionConflict) as error:
            log.warning("what became of a form is not kept", key=key, error=str(error))

    async def _take_back(self, key: str, revision: int) -> None:
        try:
            await self._bucket.delete(key, revision, marker_ttl=_MARKER_SECONDS)
        except (BusUnavailable, RevisionConflict) as error:
            log.debug("unused key left behind", key=key, error=str(error))


def _sent_of(response: web.StreamResponse) -> Sent:
    assert isinstance(response, web.Response) and isinstance(response.body, bytes), "a page"
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    headers["Content-Type"] = response.headers["Content-Type"]
    return Sent(status=response.status, body=gzip.compress(response.body, 5), headers=headers)


SENT_FORMS = web.AppKey("sent_forms", SentForms)
