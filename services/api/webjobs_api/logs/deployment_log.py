"""The handler of the log of a job's deployment: as it is by now, or as it grows."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_events.deployment_id import DEPLOYMENT_LOG, END_HEADER
from webjobs_events.errors import BusUnavailable
from webjobs_rules.errors import WebJobsError

from webjobs_api.backends.job_deployment import JobDeployment
from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.live import LIVE
from webjobs_api.http.live_response import LiveAnswer
from webjobs_api.logs.merged_log import MergedLog

log = structlog.stdlib.get_logger(__name__)

_LOOK_SECONDS = 1.0  # without a chunk after which the deployment is looked at


def deployment_log(of_package: Handler) -> Handler:
    """The handler of `GET /api/deployments/{deployment}/log`.

    Args:
        of_package: The handler for deployments of packages, and for those that do not exist.
    """

    async def get_log(request: web.Request) -> web.StreamResponse:
        deployment = await request.app[JOB_DEPLOYMENTS].find(request.match_info["deployment"])
        if deployment is None:
            return await of_package(request)
        if request_context.is_set(request, "follow"):
            return await _followed(request, deployment)
        text = await stored_log(request, deployment)
        return web.Response(
            body=text, content_type="text/plain", charset="utf-8", headers={"Cache-Control": "no-store"}
        )

    return get_log


async def stored_log(request: web.Request, deployment: JobDeployment) -> bytes:
    """The log of a deployment as far as it is stored.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    bus = request.app[BUS]
    subject = bus.subjects.deployment_log(deployment.job_type, deployment.job_name, deployment.id)
    merged, pieces = MergedLog(DEPLOYMENT_LOG), list[bytes]()
    async with aclosing(bus.pages_from(bus.subjects.logs_stream, subject)) as pages:
        async for page in pages:
            pieces += [piece.data for piece in merged.add(page)]
    pieces += [piece.data for piece in merged.skip_gaps()]
    return b"".join(pieces)


async def _followed(request: web.Request, deployment: JobDeployment) -> web.StreamResponse:
    answer = LiveAnswer(request, "text/plain")
    if not await answer.begin():
        return answer.response
    try:
        async with aclosing(following_log(request, deployment)) as pieces:
            async for piece in pieces:
                await answer.send(piece)
    except WebJobsError as error:
        log.warning("log cut off", path=request.path, error=str(error))
        answer.cut()
        return answer.response
    await answer.end()
    return answer.response


async def following_log(request: web.Request, deployment: JobDeployment) -> AsyncGenerator[bytes, None]:
    """The log of a deployment, piece by piece, until the deployment has ended and all of it came.

    Raises:
        BusUnavailable: NATS or history does not answer; what came before is only a part.
    """
    bus, found = request.app[BUS], request.app[JOB_DEPLOYMENTS]
    subject = bus.subjects.deployment_log(deployment.job_type, deployment.job_name, deployment.id)
    merged, was_complete = MergedLog(DEPLOYMENT_LOG), False
    async with request.app[LIVE].tails.follow(bus.subjects.logs_stream, subject, after=0) as follower:
        while True:
            messages = await follower.next(_LOOK_SECONDS)
            for piece in merged.add(messages):
                yield piece.data
            if any(END_HEADER in message.headers for message in messages):
                return
            if messages:
                continue
            if follower.has_ended:
                raise BusUnavailable(f"following {subject}", "its reader has ended")
            # The log is whole before its last chunk only if NATS was away when it should have come.
            if was_complete:
                return
            now = await found.find(deployment.id)
            was_complete = now is None or now.is_complete
