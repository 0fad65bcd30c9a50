"""The handler that leads requests on to the own HTTP server of a continuous job."""

import aiohttp
import structlog
from aiohttp import web
from multidict import CIMultiDict
from webjobs_rules.job import JobType
from yarl import URL

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.auth import refuse_page_of_another_site
from webjobs_api.http.keys import LIVE_SETTINGS, SETTINGS
from webjobs_api.http.viewer import refuse_viewer
from webjobs_api.passthrough.errors import JobAnswerBroken, JobNotServing
from webjobs_api.passthrough.forwarding import (
    INSTANCE_HEADER,
    SANDBOX,
    request_headers,
    response_headers,
    target_of,
    upgrade_headers,
)
from webjobs_api.passthrough.job_tunnels import JOB_TUNNELS, client_through
from webjobs_api.passthrough.upgraded import relay

log = structlog.stdlib.get_logger(__name__)

_SWITCHING = 101  # status by which a server agrees to a websocket
_BROKEN = (aiohttp.ClientError, OSError)


async def pass_through(request: web.Request) -> web.StreamResponse:
    """`ANY /api/continuouswebjobs/{job}/passthrough/{path}`."""
    refuse_viewer(request, "what a job's own server shows and changes is not known here")
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
    is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
    if is_websocket:  # a browser lets any page open one, and shows it the answers
        refuse_page_of_another_site(request)
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
        return await _pass_answer(request, answer, instance_id)


async def _pass_answer(
    request: web.Request, answer: aiohttp.ClientResponse, instance_id: str
) -> web.StreamResponse:
    headers = response_headers(answer.headers, instance_id)
    if request.app[SETTINGS].passthrough_sandbox:
        headers.add("Content-Security-Policy", SANDBOX)  # beside those of the job: all of them hold
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
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
    """Connect the page and the job for a websocket, whose messages are theirs alone.

    The bytes pass as they are, so no message is ever held whole, however long it is.
    """
    url, headers = _addressed(request)
    headers.update(upgrade_headers(request.headers.items()))
    try:
        answer = await client.get(url, headers=headers, allow_redirects=False)
    except _BROKEN as error:
        raise JobAnswerBroken(request.match_info["job"], str(error)) from error
    async with answer:
        if answer.status != _SWITCHING or answer.connection is None or answer.connection.protocol is None:
            return await _pass_answer(request, answer, instance_id)
        response = web.StreamResponse(
            status=_SWITCHING, headers=response_headers(answer.headers, instance_id)
        )
        response.headers.update(upgrade_headers(answer.headers.items()))
        response.force_close()
        await response.prepare(request)
        await relay(request, response, answer.connection.protocol)
        return response


def _addressed(request: web.Request) -> tuple[URL, CIMultiDict[str]]:
    """The address on the job's server, and the headers for it."""
    resource = request.match_info.route.resource
    assert resource is not None
    prefix, target = target_of(request.raw_path, resource.canonical)
    headers = request_headers(
        request.headers.items(),
        request.remote or "unknown",
        request_context.public_address(request),
        prefix,
        with_authorization=request.app[SETTINGS].username is None,
    )
    return URL(f"http://localhost{target}", encoded=True), headers
