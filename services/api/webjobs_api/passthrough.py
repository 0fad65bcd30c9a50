"""The handler that leads requests on to the own HTTP server of a continuous job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from multidict import CIMultiDict
from webjobs_events.job import JobType
from yarl import URL

from webjobs_api import exchange
from webjobs_api.auth import refuse_foreign_page
from webjobs_api.errors import JobAnswerBroken, JobNotServing
from webjobs_api.forwarding import INSTANCE_HEADER, Origin, request_headers, response_headers, target_of
from webjobs_api.job_tunnels import client_through
from webjobs_api.keys import DEFINITIONS, JOB_TUNNELS, LIVE_SETTINGS, SETTINGS

log = structlog.stdlib.get_logger(__name__)

_LARGEST_MESSAGE = 64 * 1024 * 1024  # bytes of one websocket message
_CLOSE_TIMEOUT = 5.0  # seconds
_UNSPEAKABLE = frozenset({1005, 1006, 1015})  # close codes that say what was missing, and are never sent
_BROKEN = (aiohttp.ClientError, OSError)

_WebSocket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse[bool]


async def pass_through(request: web.Request) -> web.StreamResponse:
    """`ANY /api/continuouswebjobs/{job}/passthrough/{path}`."""
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, exchange.job_name(request))
    is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if is_websocket:  # a browser lets any page open one, and shows it the answers
        headers = request.headers
        refuse_foreign_page(headers.get("Host", ""), headers.get("Origin"), headers.get("Sec-Fetch-Site"))
    if definition.is_stopped:
        raise JobNotServing(f"The job {definition.job_name!r} is stopped. Start it first.")
    if request.app[LIVE_SETTINGS].flag("WEBJOBS_STOPPED"):
        raise JobNotServing("Jobs are stopped by the setting WEBJOBS_STOPPED. Remove it or set it to 0.")
    wanted = request.headers.get(INSTANCE_HEADER)
    tunnel, instance_id = await request.app[JOB_TUNNELS].open(definition.job_name, wanted)
    try:
        async with client_through(tunnel) as client:
            if is_websocket:
                return await _pass_websocket(request, client, instance_id)
            return await _pass_request(request, client, instance_id)
    finally:
        tunnel.close()


async def _pass_request(
    request: web.Request, client: aiohttp.ClientSession, instance_id: str
) -> web.StreamResponse:
    url, headers = _addressed(request)
    try:
        answer = await client.request(
            request.method,
            url,
            headers=headers,
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        )
    except _BROKEN as error:
        raise JobAnswerBroken(request.match_info["job"], str(error)) from error
    async with answer:
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=response_headers(answer.headers, instance_id)
        )
        if answer.content_length is None and request.version >= aiohttp.HttpVersion11:
            response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            async for piece in answer.content.iter_any():
                await response.write(piece)
        except _BROKEN as error:
            log.warning("answer of a job cut off", path=request.path, error=str(error))
            if request.transport is not None:
                request.transport.abort()  # an answer that ended in good order would pass for the whole
            return response
        await response.write_eof()
        return response


async def _pass_websocket(
    request: web.Request, client: aiohttp.ClientSession, instance_id: str
) -> web.StreamResponse:
    url, headers = _addressed(request)
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    try:
        job = await client.ws_connect(
            url,
            headers=headers,
            protocols=[name.strip() for name in offered.split(",") if name.strip()],
            autoping=False,
            max_msg_size=_LARGEST_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
        )
    except aiohttp.WSServerHandshakeError as error:
        if error.status == 101:
            raise JobAnswerBroken(request.match_info["job"], error.message) from error
        given = response_headers(error.headers or {}, instance_id)
        for name in ("Content-Length", "Content-Encoding", "Content-Type"):
            given.popall(name, None)
        return web.Response(status=error.status, headers=given, text="The job takes no websocket here.")
    except _BROKEN as error:
        raise JobAnswerBroken(request.match_info["job"], str(error)) from error
    async with job:
        page = web.WebSocketResponse(
            protocols=[job.protocol] if job.protocol else [],
            autoping=False,
            max_msg_size=_LARGEST_MESSAGE,
            timeout=_CLOSE_TIMEOUT,
        )
        page.headers[INSTANCE_HEADER] = instance_id
        await page.prepare(request)
        async with _relayed(page, job) as there, _relayed(job, page) as back:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        return page


@asynccontextmanager
async def _relayed(source: _WebSocket, sink: _WebSocket) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(_relay(source, sink))
    try:
        yield task
    finally:
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            log.debug("websocket cut off", error=str(outcome))


async def _relay(source: _WebSocket, sink: _WebSocket) -> None:
    """Hand messages on until the source closes, then close the sink in the same way."""
    while True:
        message = await source.receive()
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is WSMsgType.PING:
            await sink.ping(message.data)
        elif message.type is WSMsgType.PONG:
            await sink.pong(message.data)
        else:
            break
    code = source.close_code or WSCloseCode.GOING_AWAY
    reason = message.extra if message.type is WSMsgType.CLOSE and message.extra else ""
    await sink.close(
        code=WSCloseCode.OK if code in _UNSPEAKABLE else code, message=str(reason).encode("utf-8")[:120]
    )


def _addressed(request: web.Request) -> tuple[URL, CIMultiDict[str]]:
    """The address on the job's server, and the headers for it."""
    resource = request.match_info.route.resource
    assert resource is not None
    prefix, target = target_of(request.raw_path, resource.canonical)
    origin = Origin(
        client=request.remote or "unknown",
        host=request.headers.get("Host", ""),
        scheme=request.scheme,
        prefix=prefix,
    )
    headers = request_headers(
        request.headers.items(), origin, with_authorization=request.app[SETTINGS].username is None
    )
    return URL(f"http://localhost{target}", encoded=True), headers
